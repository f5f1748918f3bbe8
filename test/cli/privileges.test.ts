/** What the controller and its clients need of the system: capabilities and places, not root. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { REALTIME_PRIORITY as ASKED_FOR } from '../../src/native.js';
import { NEEDED_CAPABILITIES, privilegesOf, REALTIME_PRIORITY } from '../../src/privileges.js';
import { until } from '../helpers/poll.js';
import { asNobody, getJson, NOBODY, RouterNetns } from '../helpers/router-netns.js';

const CAPABILITIES = '+net_admin,+net_raw,+bpf,+perfmon';
const SCHED_OTHER = 0;
const SCHED_FIFO = 1;
const PROBES = '[{type: icmp, targets: [gateway], interval_ms: 50}, {type: tcp, targets: ["10.0.0.1:443"]}]';
let router: RouterNetns;
let pins: string;

beforeEach(() => {
  router = new RouterNetns();
  chownSync(router.directory, NOBODY, NOBODY);
  mkdirSync('/run/detour', { recursive: true, mode: 0o755 });
  // As on a machine whose administrator made it: the user owns its directory, and may not write beside it.
  pins = `/sys/fs/bpf/dt-privileges-${process.pid}/own`;
  mkdirSync(pins, { recursive: true, mode: 0o755 });
  chownSync(pins, NOBODY, NOBODY);
});
afterEach(async () => {
  await router.remove();
  rmSync(dirname(pins), { recursive: true, force: true });
});

const owned = (extra = ''): ReturnType<RouterNetns['config']> =>
  router.config(extra, { pinPath: pins, probes: PROBES });

test('an ordinary user with four capabilities runs the whole, is killed, takes over and withdraws everything', async () => {
  const { file, socket } = owned();
  const killed = await router.run(file, asNobody(CAPABILITIES));
  expect(statSync(`/proc/${killed.pid}`).uid).toBe(NOBODY);
  killed.child.kill('SIGKILL');
  await killed.exit;
  const running = await router.run(file, asNobody(CAPABILITIES));
  const { interfaces } = await getJson<{ interfaces: { name: string; xdp: string }[] }>(socket, '/v1/interfaces');
  expect(interfaces).toMatchObject([{ name: 'wan0', xdp: 'native' }]);
  expect(router.netns.ip('rule')).toContain('proto 68');
  expect(await router.stop(running), running.output()).toBe(0);
  expect(running.output()).not.toContain(' error ');
  expect(router.netns.ip('rule')).not.toContain('proto 68');
  expect(router.netns.ip('link show wan0')).not.toContain('xdp');
  expect(readdirSync(pins)).toEqual([]);
});

test.each([
  ['', 'CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON are missing'],
  ['+net_admin,+net_raw,+bpf', 'CAP_PERFMON is missing'],
])('with "%s" it says what is missing and touches nothing', async (capabilities, text) => {
  const { file } = owned();
  const refused = router.detour(['run', file], asNobody(capabilities));
  expect(await refused.exit).toBe(77);
  expect(refused.output()).toContain(`detour run is not permitted: ${text}`);
  expect(readdirSync(pins)).toEqual([]);
});

test('pins that cannot be made are told with their place', async () => {
  const { file } = router.config('', { pinPath: `${dirname(pins)}/elsewhere` });
  const refused = router.detour(['run', file], asNobody(CAPABILITIES));
  expect(await refused.exit, refused.output()).toBe(77);
  expect(refused.output()).toContain(`making ${dirname(pins)}/elsewhere is not permitted`);
});

test('a client that may not open the socket hears whose it is, and not of capabilities', async () => {
  const { file, socket } = router.config();
  const running = await router.run(file);
  const refused = router.detour(['status', '--socket', socket], asNobody(''));
  expect(await refused.exit).toBe(77);
  expect(refused.output()).toBe(
    `detour: connecting to ${socket} is not permitted: it is for root:root (mode 0660): use sudo\n`,
  );
  chownSync(socket, 0, NOBODY);
  const member = router.detour(['status', '--socket', socket], asNobody(''));
  expect(await member.exit, member.output()).toBe(0);
  chmodSync(router.directory, 0o700);
  chownSync(router.directory, 0, 0);
  const hidden = router.detour(['status', '--socket', socket], asNobody(''));
  expect(await hidden.exit).toBe(77);
  expect(hidden.output()).toContain('its directory is not for this user');
  expect(await router.stop(running)).toBe(0);
  expect(existsSync(socket)).toBe(false);
});

/** What contrib/detour.service sets `key` to. */
function inUnit(key: string): string {
  const unit = readFileSync(new URL('../../contrib/detour.service', import.meta.url), 'utf8');
  return new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
}

/** Scheduling policy and real-time priority of a process's threads by their names (proc(5), fields 41 and 40 of stat). */
function scheduling(pid: number): Map<string, { policy: number; priority: number }> {
  const threads = `/proc/${pid}/task`;
  return new Map(
    readdirSync(threads).map((tid) => {
      const [, name = '', rest = ''] = /\((.*)\) (.*)/.exec(readFileSync(`${threads}/${tid}/stat`, 'utf8')) ?? [];
      const fields = rest.split(' ');
      return [name, { policy: Number(fields[38]), priority: Number(fields[37]) }];
    }),
  );
}

test('with what the unit grants, its threads are real-time threads as far as this machine has them to give', async () => {
  const granted = inUnit('CapabilityBoundingSet').split(' ');
  expect(granted).toEqual(NEEDED_CAPABILITIES);
  expect(Number(inUnit('LimitRTPRIO'))).toBe(REALTIME_PRIORITY);
  expect(ASKED_FOR).toBe(REALTIME_PRIORITY);
  const capabilities = granted.map((name) => `+${name.slice('CAP_'.length).toLowerCase()}`).join(',');
  // A container without CAP_SYS_RESOURCE cannot raise the limit: there everything has to run without.
  const limit = ['prlimit', `--rtprio=${inUnit('LimitRTPRIO')}`];
  const raised = spawnSync('prlimit', [...limit.slice(1), 'true']).status === 0;
  const running = await router.run(owned().file, [...(raised ? limit : []), ...asNobody(capabilities)]);
  await until(() => scheduling(running.pid).has('detour-probes'), { what: 'a thread that sends probes' });
  const threads = scheduling(running.pid);
  const expected = raised ? { policy: SCHED_FIFO, priority: REALTIME_PRIORITY } : { policy: SCHED_OTHER, priority: 0 };
  for (const name of ['detour-probes', 'detour-links']) expect(threads.get(name), name).toEqual(expected);
  expect(await router.stop(running), running.output()).toBe(0);
});

test('CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, and a kernel that tells nothing says so', () => {
  const missing = (...bits: number[]): string[] | undefined => {
    const effective = bits.reduce((all, bit) => all | (1n << BigInt(bit)), 0n);
    return privilegesOf(`Name:\tnode\nCapEff:\t${effective.toString(16).padStart(16, '0')}\n`, '')?.missing;
  };
  expect(missing(12, 13, 21)).toEqual([]);
  expect(missing(12, 39)).toEqual(['CAP_NET_RAW', 'CAP_PERFMON']);
  expect(privilegesOf('', '')).toBeNull();
});
