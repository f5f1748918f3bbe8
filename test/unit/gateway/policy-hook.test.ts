/** The policy program of `gateways.policy`: what it is told, what is made of what it says, and of its failures. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseOrder, PolicyHook } from '../../../src/gateway/router/channel/hook.js';
import { systemClock } from '../../../src/system-clock.js';
import { until } from '../../helpers/poll.js';
import { ChannelWorld } from '../../helpers/gateway/channel-world.js';

let directory: string;
let orders: string[][];
let log: string[];
let candidates: unknown[];
let hook: PolicyHook;
/** By how much the hook's clock is ahead. */
let aheadUs: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), `detour-hook-${process.pid}-`));
  [orders, log, candidates, aheadUs] = [[], [], [{ name: 'a', bytesLeft: 1n }], 0];
  const onOrder = (order: string[]) => orders.push(order);
  hook = new PolicyHook({
    clock: {
      ...systemClock,
      nowUs: () => systemClock.nowUs() + aheadUs,
      at: (atUs, callback) => systemClock.at(atUs - aheadUs, callback),
    },
    log: (level, text) => log.push(`${level}: ${text}`),
    candidates: () => candidates,
    onOrder,
  });
});
afterEach(() => {
  hook.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A shell script of this text. */
function program(text: string): string[] {
  const path = join(directory, 'policy');
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return [path, 'argument'];
}

/** A zombie, which waits for whoever adopted it, has ended. */
const isRunning = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

const ordered = (): Promise<unknown> => until(() => orders.length > 0, { timeoutMs: 10_000, what: 'an order' });

describe('the policy program', () => {
  it('reads the candidates as JSON, and says names one a line', async () => {
    hook.use(program(`cat > ${directory}/input; echo "$1" > ${directory}/arguments; printf 'b\\na\\n'`));
    await ordered();
    expect(orders).toEqual([['b', 'a']]);
    expect(JSON.parse(readFileSync(join(directory, 'input'), 'utf8'))).toEqual([{ name: 'a', bytesLeft: '1' }]);
    expect(readFileSync(join(directory, 'arguments'), 'utf8')).toBe('argument\n');
  });

  it('is asked again when the candidates are others, and only then', async () => {
    hook.use(program(`cat > /dev/null; echo >> ${directory}/runs; echo a`));
    await ordered();
    candidates = [...candidates, { name: 'b' }];
    await until(() => orders.length === 2, { timeoutMs: 10_000, what: 'a second order' });
    expect(readFileSync(join(directory, 'runs'), 'utf8')).toBe('\n\n');
  });

  it('may say an array, and need not read', async () => {
    hook.use(program(`echo '["c", "a"]'`));
    await ordered();
    expect(orders).toEqual([['c', 'a']]);
  });

  it.each([
    ['exits with an error', 'echo a; exit 3', 'it exited with 3'],
    ['is ended', 'kill -9 $$', 'it was ended by SIGKILL'],
    ['says what is no name', 'echo "rm -rf /"', 'it did not say names'],
    ['says half an array', `echo '["a"'`, 'it did not say names'],
    ['talks without end', 'yes a', 'it said more than 65536 bytes'],
    ['takes too long, with a child that holds its output', 'sleep 20 & sleep 20', 'it took longer than 2 s'],
  ])('that %s leaves the documented order, with a warning', async (_, text, why) => {
    hook.use(program(text));
    await ordered();
    expect(orders).toEqual([[]]);
    expect(log).toEqual([expect.stringContaining(why)]);
  });

  it('that takes too long is ended with all that it has begun', async () => {
    hook.use(program(`sleep 100 > /dev/null & echo $! > ${directory}/child; sleep 100`));
    await ordered();
    const child = Number(readFileSync(join(directory, 'child'), 'utf8'));
    expect(child).toBeGreaterThan(1);
    await until(() => !isRunning(child), { timeoutMs: 10_000, what: 'its child gone' });
  });

  it('that failed is tried again after a minute, although the candidates are the same', async () => {
    hook.use(program(`[ -e ${directory}/busy ] && echo a && exit; touch ${directory}/busy; exit 3`));
    await ordered();
    aheadUs = 60_000_000;
    await until(() => orders.length === 2, { timeoutMs: 10_000, what: 'an order' });
    expect(orders).toEqual([[], ['a']]);
  });

  it('that does not exist is a warning, once', async () => {
    hook.use([join(directory, 'nothing')]);
    await ordered();
    candidates = [];
    await until(() => orders.length === 2, { timeoutMs: 10_000, what: 'a second failure' });
    expect(log).toEqual([expect.stringContaining('ENOENT')]);
  });

  it('that is no longer configured has no say', async () => {
    hook.use(program('echo a'));
    await ordered();
    hook.use(null);
    expect(orders.at(-1)).toEqual([]);
  });
});

describe('what it says', () => {
  it.each<[string, string[] | null]>([
    ['', []],
    ['a\n\n  b  \nb\n', ['a', 'b']],
    ['[]', []],
    ['[1]', null],
    ['["A"]', null],
    ['{"a":1}', null],
    [`["${'a'.repeat(25)}"]`, null],
    [JSON.stringify(Array.from({ length: 1025 }, (_, index) => `n${index}`)), null],
  ])('%j', (output, names) => {
    expect(parseOrder(output)).toEqual(names);
  });

  it('decides among nodes that are otherwise equal, without anybody having waited for it', async () => {
    const world = new ChannelWorld(['a', 'b'], { policy: program('cat > /dev/null; echo b') });
    try {
      world.apply([]).advertise('a').advertise('b');
      world.clock.advance(1_000_000);
      await until(() => world.channel.status().gateways[1]?.rank === 1, { timeoutMs: 10_000, what: 'b ahead' });
      expect(world.apply([4]).last('b').message.type).toBe('elect');
    } finally {
      await world.channel.close({ keep: true });
      world.remove();
    }
  });
});
