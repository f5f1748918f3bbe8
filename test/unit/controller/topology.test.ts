/** Where an interface's packets meet the program: ports below VLAN devices, and what is left to the stack. */
import { describe, expect, it } from 'vitest';
import { Constant } from '../../../src/abi/index.js';
import { NameIndex } from '../../../src/controller/ids.js';
import { VLAN_8021AD, VLAN_ID_MASK } from '../../../src/controller/ports.js';
import type { KernelLink, PortStatus } from '../../../src/controller/ports.js';
import { forwardingOf, interfaceStatuses } from '../../../src/controller/status.js';
import type { StatusInputs } from '../../../src/controller/status.js';
import { place } from '../../../src/controller/topology.js';
import { configOf } from '../../helpers/config.js';
import { view } from '../../helpers/doctor.js';
import { link } from '../../helpers/fake-planes.js';

const port = link(2, 'wan0');

function vlan(ifindex: number, parentIfindex: number, id: number, protocol: '802.1Q' | '802.1ad'): KernelLink {
  return link(ifindex, `vlan${ifindex}`, { kind: 'vlan', vlan: { parentIfindex, id, protocol } });
}

describe('the place of a VLAN device', () => {
  it('is the port below it, with the id of an 802.1Q tag as it is', () => {
    const device = vlan(3, 2, 100, '802.1Q');
    expect(place(device, view([port, device]))).toMatchObject({ port, vlanId: 100, innerVlanId: 0, reason: null });
  });

  it('tells an 802.1ad tag from an 802.1Q tag of the same id, as the program does', () => {
    const device = vlan(3, 2, 100, '802.1ad');
    expect(place(device, view([port, device])).vlanId).toBe(Constant.VLAN_8021AD | 100);
    expect(VLAN_8021AD).toBe(Constant.VLAN_8021AD);
    expect(VLAN_ID_MASK).toBe(Constant.VLAN_ID_MASK);
  });

  it('has the outer tag first when there are two', () => {
    const outer = vlan(3, 2, 200, '802.1ad');
    const inner = vlan(4, 3, 30, '802.1Q');
    const placement = place(inner, view([port, outer, inner]));
    expect(placement).toMatchObject({ port, vlanId: VLAN_8021AD | 200, innerVlanId: 30 });
  });

  it('is with the stack when a third tag or another namespace is below it', () => {
    const [a, b, c] = [vlan(3, 2, 1, '802.1ad'), vlan(4, 3, 2, '802.1Q'), vlan(5, 4, 3, '802.1Q')];
    expect(place(c, view([port, a, b, c]))).toMatchObject({
      port: null,
      reason: 'vlan5 has more than two VLAN tags: forwarded by the stack',
    });
    expect(place(a, view([a]))).toMatchObject({
      port: null,
      reason: 'the parent of vlan3 is in another network namespace: forwarded by the stack',
    });
  });

  it('is with the stack when it belongs to a VRF', () => {
    const device = { ...vlan(3, 2, 100, '802.1Q'), masterIfindex: 9 };
    expect(place(device, view([port, device, link(9, 'blue', { kind: 'vrf' })]))).toMatchObject({
      port: null,
      reason: 'vlan3 belongs to blue: forwarded by the stack',
    });
  });
});

describe('status', () => {
  const inputsFor = (name: string, links: KernelLink[], ports: PortStatus[]): StatusInputs => ({
    config: configOf(`uplinks: {fibre: {interface: ${name}}}`),
    view: view(links),
    facts: [],
    paths: [],
    groups: [],
    ports,
    uplinkIndex: new NameIndex(),
    routeProblems: new Map(),
    programmed: true,
  });

  it('shows people the VLAN id without the mark of its protocol', () => {
    const device = vlan(3, 2, 100, '802.1ad');
    const [status] = interfaceStatuses(inputsFor('vlan3', [port, device], []), new Map());
    expect(status).toMatchObject({ name: 'vlan3', port: 'wan0', vlanId: 100 });
  });

  it('says that the stack forwards to a port that refused redirected frames', () => {
    const untold = link(2, 'wan0', { xdpRedirectTarget: null });
    const reason = 'wan0 takes no redirected frames';
    const refused: PortStatus = { ifindex: 2, name: 'wan0', xdp: 'generic', reason, redirectRefused: true };
    const inputs = inputsFor('wan0', [untold], [refused]);
    const [uplink] = inputs.config.uplinks;
    if (!uplink) throw new Error('no uplink');
    expect(forwardingOf(inputs, uplink)).toEqual({ by: 'stack', reason });
    const ports = [{ ...refused, redirectRefused: false, reason: null }];
    expect(forwardingOf({ ...inputs, ports }, uplink)).toEqual({ by: 'xdp', reason: null });
  });
});
