/**
 * The lab's router whose primary uplink is a VLAN device, as a provider's line behind a modem often is:
 *
 *                        +-- wan0.100 on wan0 ==tagged== lan on gw0, lan.100 (primary) --+
 *   client --- router ---+                                                               +--- far
 *                        +-- wan1 ---------------------- gw1 (backup) -------------------+
 *
 * veth would carry tags beside the frame, where XDP does not see them; so that offload is off at both ends, as it is to
 * be on a real port (doctor says so).
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { demoConfig } from '../../../src/lab/demo-config.js';
import { ipBatch, sh } from '../../../src/lab/shell.js';
import { FAR_IPV4, FAR_IPV6 } from '../../../src/lab/topology.js';
import { describeWith } from '../../helpers/kernel-features.js';
import { LabRun } from '../../helpers/lab-run.js';
import { until } from '../../helpers/poll.js';

const VLAN = 'wan0.100';
const TAG_OFFLOADS = ['rxvlan', 'txvlan', 'rx-vlan-stag-hw-parse', 'tx-vlan-stag-hw-insert'];

function addVlan(namespace: string, port: string, protocol: string): void {
  for (const offload of TAG_OFFLOADS) sh('ip', 'netns', 'exec', namespace, 'ethtool', '-K', port, offload, 'off');
  ipBatch(namespace, [
    `addr flush dev ${port}`,
    `link add link ${port} name ${port}.100 type vlan protocol ${protocol} id 100`,
    `link set ${port}.100 up`,
  ]);
}

/** Also after the port was down: VLAN devices come back by themselves, IPv6 addresses and routes do not. */
function addressGateway(namespace: string): void {
  ipBatch(namespace, [
    'addr replace 10.64.0.1/24 dev lan.100',
    'addr replace 2001:db8:64:0::1/64 dev lan.100 nodad',
    'route replace 198.51.100.0/24 via 10.64.0.2',
    'route replace 2001:db8:1::/64 via 2001:db8:64:0::2',
  ]);
}

for (const protocol of ['802.1Q', '802.1ad']) {
  describeWith('VLAN devices (CONFIG_VLAN_8021Q)', `an uplink that is a VLAN device, ${protocol}`, () => {
    let run: LabRun;

    beforeAll(async () => {
      run = new LabRun();
      const gateway = run.lab.gateway(0);
      addVlan(run.router, 'wan0', protocol);
      addVlan(gateway, 'lan', protocol);
      ipBatch(run.router, [`addr add 10.64.0.2/24 dev ${VLAN}`, `addr add 2001:db8:64:0::2/64 dev ${VLAN} nodad`]);
      addressGateway(gateway);
      const config = demoConfig({ socket: run.socket, pinPath: run.pinPath })
        .replace('interface: wan0\n', `interface: ${VLAN}\n`)
        // The emulated machine is slow, and this is about where packets go.
        .replaceAll('interval_ms: 20\n', 'interval_ms: 200\n');
      run.write('', config);
      await run.startAsWritten();
      await run.active('primary');
    });
    afterAll(() => run.destroy());

    it('has the program on its port, not on itself', async () => {
      const { body } = await run.controller!.call('GET', '/v1/interfaces');
      const { interfaces } = body as { interfaces: { name: string }[] };
      expect(interfaces.find(({ name }) => name === VLAN)).toMatchObject({
        port: 'wan0',
        vlanId: 100,
        xdp: 'native',
        reason: null,
      });
      const link = (name: string): string => sh('ip', '-n', run.router, 'link', 'show', 'dev', name);
      expect(link('wan0')).toContain('prog/xdp');
      expect(link(VLAN)).not.toContain('xdp');
    });

    it('is forwarded to and from by XDP: the gateway listens to tagged frames only', async () => {
      const before = { there: await run.reasons('lan0'), back: await run.reasons(VLAN) };
      expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
      const there = await run.reasons('lan0');
      const back = await run.reasons(VLAN);
      const more = (now: Record<string, string>, then: Record<string, string>, reason: string): number =>
        Number(now[reason] ?? 0) - Number(then[reason] ?? 0);
      expect(more(there, before.there, 'forwarded')).toBeGreaterThanOrEqual(2);
      expect(more(back, before.back, 'forwarded-fib')).toBeGreaterThanOrEqual(2);
    });

    it('has its probe replies consumed in XDP, by the interface that the tag names', async () => {
      await until(async () => Number((await run.reasons(VLAN))['probe-reply'] ?? 0) >= 10, {
        timeoutMs: 60_000,
        what: 'ten probe replies',
      });
    });

    it('is left when its path goes silent, and taken again', async () => {
      run.lab.silence(0);
      await run.active('backup');
      expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
      run.lab.unsilence(0);
      await run.active('primary');
      expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    });

    it('is left when the cable of its port is cut, and taken again', async () => {
      run.lab.cutLink(0);
      await run.active('backup');
      expect(run.ping(FAR_IPV4)).toBe(true);
      sh('ip', '-n', run.lab.gateway(0), 'link', 'set', 'lan', 'up');
      addressGateway(run.lab.gateway(0));
      await run.active('primary');
      expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    });
  });
}
