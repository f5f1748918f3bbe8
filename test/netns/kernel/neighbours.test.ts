/**
 * Gateways are kept resolved by the kernel.
 *
 *   dt-kernel-PID-N                           dt-kernel-PID-N-far
 *     wan0 192.0.2.2/24, 2001:db8:1::2/64 ----- wan0 192.0.2.1/24, 2001:db8:1::1/64
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { KernelFib } from '../../../src/controller/ports.js';
import { createKernelFib } from '../../../src/kernel/index.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { until } from '../../helpers/poll.js';
import { Namespace, type Veth } from './namespace.js';
import { kernelConfig as config } from '../../helpers/kernel-config.js';

let space: Namespace;
let wan0: Veth;
let fib: KernelFib;
const open: KernelFib[] = [];

beforeEach(async () => {
  space = new Namespace();
  wan0 = space.veth('wan0', ['192.0.2.2/24', '2001:db8:1::2/64'], ['192.0.2.1/24', '2001:db8:1::1/64']);
  fib = await start();
  await until(() => fib.view().links.get(wan0.ifindex)?.carrier, { what: 'the carrier' });
});

afterEach(async () => {
  for (const one of open.splice(0)) await one.close({ keep: true });
  space.close();
});

async function start(): Promise<KernelFib> {
  const made = await createKernelFib(config, { netns: space.path });
  open.push(made);
  return made;
}

const wanted = (...addresses: string[]): { ifindex: number; address: IpAddress }[] =>
  addresses.map((address) => ({ ifindex: wan0.ifindex, address: IpAddress.parse(address) }));

/** The line of `ip neighbour` about this address; empty: none. */
function entry(address: string): string {
  return space.ip(`neighbour show ${address} dev wan0`).trim();
}

async function untilEntry(address: string, pattern: RegExp): Promise<void> {
  await until(() => pattern.test(entry(address)), { what: `${address}: ${pattern.source}, but "${entry(address)}"` });
}

test('wanted neighbours are resolved without any traffic, in both families, and managed by the kernel', async () => {
  fib.keepNeighbours(wanted('192.0.2.1', '2001:db8:1::1'));
  for (const address of ['192.0.2.1', '2001:db8:1::1']) {
    await untilEntry(address, /lladdr .*managed.* (REACHABLE|DELAY|PROBE|STALE)/);
    await until(() => fib.view().neighbours.some((one) => one.address.toString() === address && one.mac), {
      what: 'the MAC in the view',
    });
  }
});

test('a neighbour that is no longer wanted is released and keeps its MAC', async () => {
  fib.keepNeighbours(wanted('192.0.2.1'));
  await untilEntry('192.0.2.1', /lladdr .*managed/);
  await until(() => fib.view().neighbours.some((one) => one.mac), { what: 'the MAC in the view' });
  fib.keepNeighbours([]);
  await untilEntry('192.0.2.1', /lladdr(?!.*managed)/);
});

test('an entry that went with the carrier is made again when the carrier returns', async () => {
  fib.keepNeighbours(wanted('192.0.2.1'));
  await untilEntry('192.0.2.1', /lladdr .*managed/);
  space.farIp('link set wan0 down');
  await until(() => entry('192.0.2.1') === '', { what: 'the entry to go' });
  space.farIp('link set wan0 up');
  await untilEntry('192.0.2.1', /lladdr .*managed/);
});

test('an entry that somebody deletes is made again', async () => {
  fib.keepNeighbours(wanted('192.0.2.1'));
  await untilEntry('192.0.2.1', /lladdr .*managed/);
  space.ip('neighbour delete 192.0.2.1 dev wan0');
  await untilEntry('192.0.2.1', /lladdr .*managed/);
});

test('a permanent entry stays as it is', async () => {
  space.ip('neighbour add 192.0.2.1 lladdr 02:00:00:00:00:01 dev wan0 nud permanent');
  await until(() => fib.view().neighbours.some((one) => one.state === 'permanent' && one.address.family === 4), {
    what: 'the entry in the view',
  });
  fib.keepNeighbours(wanted('192.0.2.1', '2001:db8:1::1'));
  await untilEntry('2001:db8:1::1', /managed/);
  expect(entry('192.0.2.1')).toMatch(/02:00:00:00:00:01 PERMANENT/);
});

test('what a killed run kept is released by the next one, and so is everything on closing; others stay', async () => {
  space.ip('neighbour add 192.0.2.9 dev wan0 managed');
  fib.keepNeighbours(wanted('192.0.2.1', '2001:db8:1::1'));
  await untilEntry('192.0.2.1', /lladdr .*managed/);
  await untilEntry('2001:db8:1::1', /lladdr .*managed/);
  await fib.close({ keep: true });
  fib = await start();
  fib.keepNeighbours(wanted('192.0.2.1'));
  await untilEntry('2001:db8:1::1', /^(?!.*managed)/);
  expect(entry('192.0.2.1')).toMatch(/managed/);
  await fib.close({ keep: false });
  expect(entry('192.0.2.1')).not.toMatch(/managed/);
  expect(entry('192.0.2.9')).toMatch(/managed/);
});
