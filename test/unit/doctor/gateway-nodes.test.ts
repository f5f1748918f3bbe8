/** The doctor's look at what gateway nodes need on the router. */
import { expect, test } from 'vitest';
import { gatewayNodes } from '../../../src/cli/doctor/checks/gateway-nodes.js';
import type { NetfilterHook } from '../../../src/controller/ports.js';
import { lines, machine, type Machine } from '../../helpers/doctor.js';

const config = (gateways: string): string => `
uplinks: {fibre: {interface: eth1, probes: [{type: icmp, targets: [192.0.2.53]}]}}
interfaces: [eth0]
gateways: ${gateways}
`;
const nodes = config('{interfaces: [eth0]}');
const hook = (text: string, change: Partial<NetfilterHook> = {}): NetfilterHook => ({
  family: 4,
  text: `nft table inet filter, chain ${text}`,
  translates: false,
  devices: null,
  ...change,
});
const missing = { version: null, problem: 'the program nft is missing' } as const;
const found = 'ok: version 1.0.6';

test.each<[title: string, machine: Machine, expected: string[]]>([
  ['everything', { config: nodes }, [found]],
  ['no section "gateways"', { nft: missing }, []],
  [
    'no nft',
    { config: nodes, nft: missing },
    ['fail: no node carries anything with "way_back: router": the program nft is missing'],
  ],
  ['no nft, and none that is needed', { config: config('{interfaces: [eth0], way_back: direct}'), nft: missing }, []],
  [
    'an nft that may not look',
    { config: nodes, nft: { unknown: 'Operation not permitted' } },
    ['skip: Operation not permitted'],
  ],
  [
    'a firewall that drops',
    { config: nodes, hooks: [hook('forward (policy drop)')] },
    [
      found,
      "warn: nft table inet filter, chain forward (policy drop): has to let clients' packets out to a node, which probes do not show",
    ],
  ],
  [
    'chains that let pass what they do not know',
    {
      config: nodes,
      hooks: [hook('forward'), hook('post (nat, postrouting)', { translates: true })],
    },
    [found],
  ],
  ["a node agent's own", { config: nodes, hooks: [hook('forward (policy drop)', { leased: true })] }, [found]],
])('%s', (_, given, expected) => {
  expect(lines(gatewayNodes, machine(given))).toEqual(expected);
});

test('the remedy names the way that clients take to a node, and the port by which nodes are heard', () => {
  const findings = gatewayNodes(machine({ config: nodes, hooks: [hook('forward (policy drop)')] }));
  expect(findings.at(-1)?.remedy).toBe(
    'accept there iifname "eth0" oifname "eth0"; and UDP port 6868 from there at the hook input, if that drops, too',
  );
});
