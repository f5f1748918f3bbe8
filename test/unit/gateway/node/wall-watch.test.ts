/** What is known beforehand of the owner's firewalls: new enough, or read while the one who asks waits. */
import { afterEach, expect, test } from 'vitest';
import { WallWatch } from '../../../../src/gateway/node/arming/wall-watch.js';
import type { Wall } from '../../../../src/gateway/node/arming/firewalls.js';
import { until } from '../../../helpers/poll.js';

let watch: WallWatch;
let reads = 0;
let nowMs = 0;
let found: readonly Wall[] | Error = [];
const logged: string[] = [];
const WALL: Wall = { chain: { family: 'ip', table: 'wall', name: 'f', hook: 'forward', policy: 'drop' }, rules: [] };

function open(walls: readonly Wall[] | Error): WallWatch {
  reads = nowMs = logged.length = 0;
  found = walls;
  watch = new WallWatch({
    log: (text) => logged.push(text),
    nowMs: () => nowMs,
    read: () => {
      reads++;
      return found instanceof Error ? Promise.reject(found) : Promise.resolve([...found]);
    },
  });
  return watch;
}
afterEach(() => watch.close());

test('is read when somebody asks for the first time, and then not again for a minute', async () => {
  const walls = open([WALL]);
  expect(await walls.walls()).toEqual([WALL]);
  found = [];
  nowMs = 59_999;
  expect(await walls.walls()).toEqual([WALL]);
  expect(reads).toBe(1);
  nowMs = 60_000;
  expect(await walls.walls()).toEqual([]);
});

test('is read beforehand, so that nobody waits for it', async () => {
  const walls = open([WALL]);
  walls.watchSoon();
  await until(() => reads === 1, { what: 'the firewalls read' });
  await walls.walls();
  expect(reads).toBe(1);
});

test('is read anew for who does not trust what is known', async () => {
  const walls = open([WALL]);
  await walls.walls();
  found = [];
  expect(await walls.look()).toEqual([]);
  expect(await walls.walls()).toEqual([]);
});

test('that cannot be read hinders nobody, is said once, and is tried again for the next one', async () => {
  const walls = open(new Error('no nft'));
  expect(await walls.walls()).toEqual([]);
  expect(await walls.walls()).toEqual([]);
  expect(logged).toEqual(["the firewall's rules cannot be read: no nft"]);
  found = [WALL];
  expect(await walls.walls()).toEqual([WALL]);
  found = new Error('no nft');
  await walls.look();
  expect(logged).toHaveLength(2);
});
