/** An uplink whose device comes later: a modem, a PPP or VLAN device. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../helpers/poll.js';
import { getJson, RouterNetns, type RouterProcess } from '../../helpers/router-netns.js';

interface Path {
  family: number;
  state: string;
  cause: string;
}

/**
 *     [wan0 10.0.0.2/24] ---- [peer0]
 *     [wwan0 10.0.1.2/24] --- [peer1]     made by a test
 */
let router: RouterNetns;
beforeEach(() => {
  router = new RouterNetns();
});
afterEach(() => router.remove());

/** Adds an uplink to the file. */
function addUplink(file: string, line: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace('uplinks:\n', `uplinks:\n  ${line}\n`));
}

async function pathOf(socket: string, uplink: string): Promise<Path> {
  const { uplinks } = await getJson<{ uplinks: { name: string; paths: Path[] }[] }>(socket, '/v1/uplinks');
  return uplinks.find(({ name }) => name === uplink)!.paths[0]!;
}

const saying = (running: RouterProcess, text: string): Promise<unknown> =>
  until(() => running.output().includes(text), { timeoutMs: 60_000, what: `"${text}"` });

const isUp = async (socket: string, uplink: string): Promise<unknown> =>
  until(async () => (await pathOf(socket, uplink)).state === 'up', { timeoutMs: 60_000, what: `${uplink} is up` });

test('an optional uplink is down while its interface is absent, and is used once it appears', async () => {
  const { file, socket } = router.config('groups: {default: {tiers: [[lte], [only]]}}');
  addUplink(file, 'lte: {interface: wwan0, optional: true, gateway: 10.0.1.1, hold_down_ms: 0}');
  const running = await router.run(file);
  expect(running.output()).toContain(
    ' warn uplinks.lte.interface: no interface is named "wwan0": it is used as soon as it appears',
  );
  expect(await pathOf(socket, 'lte')).toMatchObject({
    state: 'down',
    cause: 'link down: interface wwan0 does not exist',
  });
  expect(router.netns.ip('route show default proto 68')).toContain('wan0');

  router.netns.ip('link add wwan0 type veth peer name peer1');
  router.netns.ip('address add 10.0.1.2/24 dev wwan0');
  // Answers for the gateway.
  router.netns.ip(`neighbour add 10.0.1.1 lladdr 02:00:00:00:00:01 dev wwan0`);
  for (const link of ['peer1', 'wwan0']) router.netns.ip(`link set ${link} up`);
  await isUp(socket, 'lte');
  await until(() => router.netns.ip('route get 203.0.113.1').includes('dev wwan0'), {
    timeoutMs: 60_000,
    what: 'the kernel’s default route leads to wwan0',
  });
  expect(await router.stop(running), running.output()).toBe(0);
});

test('an absent interface that is not optional refuses the start, and says how to make it optional', async () => {
  const { file } = router.config();
  addUplink(file, 'lte: {interface: wwan0, gateway: 10.0.1.1}');
  const running = router.detour(['run', file]);
  expect(await running.exit).toBe(2);
  expect(running.output()).toMatch(
    /:3:20: uplinks\.lte\.interface: no interface is named "wwan0"; write .*"optional: true" beside it if it appears later/,
  );
});

test('a reload is taken while an interface of the running configuration is absent', async () => {
  const { file } = router.config();
  const running = await router.run(file);
  router.netns.ip('link delete wan0');
  appendFileSync(file, 'log: {level: debug}\n');
  running.child.kill('SIGHUP');
  await saying(running, 'log.level changed');
  expect(running.output()).toContain('uplinks.only.interface: no interface is named "wan0": it is used as soon as');
  addUplink(file, 'lte: {interface: wwan0, gateway: 10.0.1.1}');
  running.child.kill('SIGHUP');
  await saying(running, 'not reloaded');
  expect(await router.stop(running), running.output()).toBe(0);
});
