/** The lab's gateway nodes: where they stand, what they reach, and that they forward nothing of their own accord. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../../src/lab/lab.js';
import { tryStart } from '../../../src/lab/shell.js';
import { FAR_IPV4, FAR_IPV6 } from '../../../src/lab/topology.js';

const pings = (namespace: string, address: string): boolean =>
  tryStart('ip', 'netns', 'exec', namespace, 'ping', '-c1', '-W2', address);

describe('a lab with gateway nodes', () => {
  let lab: Lab;
  beforeAll(() => {
    lab = Lab.create({ gateways: 1, nodes: ['lan', 'link'], tag: `n${process.pid}` });
  });
  afterAll(() => lab.destroy());

  it.each([
    [0, '198.51.100.1', '2001:db8:1::1'],
    [1, '10.67.1.1', '2001:db8:67:1::1'],
  ])('has node %i in sight of the router, and of the far server by its own way', (index, ipv4, ipv6) => {
    const { namespace } = lab.nodes[index]!;
    for (const address of [ipv4, ipv6, FAR_IPV4, FAR_IPV6])
      expect([address, pings(namespace, address)]).toEqual([address, true]);
  });

  it('forwards nothing through a node that nobody elected', () => {
    const { client } = lab.names;
    expect(pings(client, '198.51.100.77')).toBe(true);
    tryStart('ip', '-n', client, 'route', 'replace', '203.0.113.0/24', 'via', '198.51.100.77');
    expect(pings(client, FAR_IPV4)).toBe(false);
    tryStart('ip', '-n', client, 'route', 'del', '203.0.113.0/24');
  });

  it('tells by which path a packet came to the far server: gateways first, then nodes', () => {
    expect([...lab.pathByIfindex().values()].sort()).toEqual([0, 1, 2]);
  });
});
