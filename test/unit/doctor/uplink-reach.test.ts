/** The doctor's look at uplinks' gateways that are in no network of their interface. */
import { expect, test } from 'vitest';
import { uplinkReach } from '../../../src/cli/doctor/checks/uplink-reach.js';
import type { KernelAddress, KernelRoute } from '../../../src/controller/ports.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { LINKS, lines, machine, view } from '../../helpers/doctor.js';
import { link } from '../../helpers/fake-planes.js';

/** Of eth1, ifindex 3. */
const address = (text: string, prefixLength: number, scope: KernelAddress['scope'] = 'global'): KernelAddress => ({
  ifindex: 3,
  address: IpAddress.parse(text),
  prefixLength,
  scope,
  usable: true,
});

const route = (prefix: string): KernelRoute => ({
  prefix: Prefix.parse(prefix),
  source: null,
  tos: 0,
  table: 254,
  type: 'unicast',
  protocol: 4,
  metric: 0,
  scope: 253,
  ifindex: 3,
  gateway: null,
  legs: [],
  nexthopId: null,
});

const fine = ['ok: each is in a network of its interface, or learned'];
const wrong = ['warn fibre: 192.0.2.1 is in no network of eth1 (198.51.100.2/24)'];
const addresses = [address('198.51.100.2', 24), address('fe80::2', 64, 'link')];

test.each([
  ['another network', '192.0.2.1', view(LINKS, { addresses }), wrong],
  ['its network', '198.51.100.1', view(LINKS, { addresses }), fine],
  [
    'a network of a second address',
    '192.0.2.1',
    view(LINKS, { addresses: [...addresses, address('192.0.2.9', 28)] }),
    fine,
  ],
  ['no address yet', '192.0.2.1', view(LINKS), fine],
  ['a route to it', '192.0.2.1', view(LINKS, { addresses, routes: [route('192.0.2.1/32')] }), fine],
  ['only a default route', '192.0.2.1', view(LINKS, { addresses, routes: [route('0.0.0.0/0')] }), wrong],
  ['no Ethernet', '192.0.2.1', view([link(3, 'eth1', { ethernet: false })], { addresses }), fine],
  ['learned', 'auto', view(LINKS, { addresses }), fine],
  ['link-local', 'fe80::1', view(LINKS, { addresses: [address('2001:db8::2', 64)] }), fine],
])('%s', (_, gateway, seen, expected) => {
  const config = `uplinks: {fibre: {interface: eth1, gateway: "${gateway}"}}\n`;
  expect(lines(uplinkReach, machine({ config, view: seen }))).toEqual(expected);
});
