import { expect, test } from 'vitest';
import { forwardingOff } from '../../../src/controller/forwarding-off.js';
import type { KernelLink } from '../../../src/controller/ports.js';
import { configOf } from '../../helpers/config.js';

const config = configOf('uplinks: {a: {interface: eth1.20, gateway: 192.0.2.1}}\ninterfaces: [eth0]\n');

function link(name: string, ipv4: boolean, ipv6: boolean): KernelLink {
  return { name, forwarding: { 4: ipv4, 6: ipv6 } } as KernelLink;
}

test('interfaces that do not forward a family that is carried are named with the sysctl to write', () => {
  const links = [link('eth1.20', false, false), link('eth0', true, false), link('eth9', false, false)];
  expect(forwardingOff(config, links)).toEqual([
    'eth1.20: IPv4 forwarding is off, packets that come in by it are not forwarded: ' +
      'sysctl -w net.ipv4.conf.eth1/20.forwarding=1',
  ]);
});

test('nothing is said where everything forwards', () => {
  expect(forwardingOff(config, [link('eth1.20', true, false), link('eth0', true, false)])).toEqual([]);
});

test('a family that no uplink is addressed for is not complained of', () => {
  expect(forwardingOff(config, [link('eth1.20', false, false)], [6])).toEqual([]);
});
