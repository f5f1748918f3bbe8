/** `run` of src/main.ts over planes that a test makes slow or broken: how it starts, reloads and ends. */
import { mkdtempSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { endingOf } from '../../src/cli/exit.js';
import type { KernelFib } from '../../src/controller/ports.js';
import { DetourError } from '../../src/errors.js';
import { FakePlane, FakeFib, viewOf } from '../helpers/fake-planes.js';
import { GoodTelemetry } from '../helpers/good-telemetry.js';
import { enterOwnNetns } from '../helpers/own-netns.js';
import { until } from '../helpers/poll.js';

const made = vi.hoisted((): { fib: () => Promise<unknown>; plane: unknown } => ({
  fib: () => Promise.reject(new Error('no test has said which')),
  plane: null,
}));
vi.mock('../../src/kernel/index.js', () => ({ createKernelFib: () => made.fib() }));
vi.mock('../../src/dataplane/index.js', () => ({ openDataplane: () => made.plane }));
vi.mock('../../src/health/index.js', () => ({ createTelemetry: () => new GoodTelemetry() }));
const { run } = await import('../../src/main.js');

let directory: string;
let socket: string;
let file: string;
let fib: FakeFib;
let plane: FakePlane;
let lines: string[];
let stop: (reason: string) => void;
let reload: () => void;
const pending: Promise<void>[] = [];

beforeAll(() => enterOwnNetns());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), `dt-run-${process.pid}-`));
  socket = join(directory, 'api.sock');
  file = join(directory, 'detour.yaml');
  fib = new FakeFib(viewOf(1));
  plane = Object.assign(new FakePlane(), { notes: [], replies: null });
  made.fib = () => Promise.resolve(fib);
  made.plane = plane;
  lines = [];
  configure('info');
});
afterEach(async () => {
  stop('the end of the test');
  await Promise.all(pending.splice(0));
  rmSync(directory, { recursive: true });
});

function configure(level: string, extra = ''): void {
  const uplink = '{interface: eth1, gateway: 10.0.1.1, probes: [{type: icmp, targets: [gateway]}]}';
  const pins = `dataplane: {pin_path: ${directory}/pins}`;
  writeFileSync(
    file,
    `uplinks: {only: ${uplink}}\napi: {socket: ${socket}}\n${pins}\nlog: {level: ${level}}\n${extra}`,
  );
}

function start(): Promise<void> {
  const untilStopped = new Promise<string>((resolve) => (stop = resolve));
  const log = (level: string, text: string): void => void lines.push(`${level} ${text}`);
  const running = run({ configFile: file, version: '0', log, untilStopped, onReload: (r) => (reload = r) });
  pending.push(running.catch(() => undefined));
  return running;
}

const said = (text: string): boolean => lines.some((line) => line.includes(text));
const saying = (text: string): Promise<unknown> => until(() => said(text), { timeoutMs: 30_000, what: `"${text}"` });

test('a stop while the kernel’s tables are still being read ends at once, and closes what comes late', async () => {
  let arrive: (late: KernelFib) => void = () => undefined;
  made.fib = () => new Promise((resolve) => (arrive = resolve as typeof arrive));
  const close = vi.spyOn(fib, 'close');
  const running = start();
  stop('SIGTERM');
  await saying('ending: SIGTERM');
  arrive(fib);
  await running;
  expect(close).toHaveBeenCalledWith({ keep: true });
  expect(existsSync(socket)).toBe(false);
});

test('a stop while the first configuration is being programmed ends cleanly', async () => {
  let refuse: (error: Error) => void = () => undefined;
  const applying = new Promise<never>((_, reject) => (refuse = reject));
  const applyFib = vi.spyOn(fib, 'applyFib').mockReturnValue(applying);
  const close = vi.spyOn(fib, 'close');
  const running = start();
  await until(() => applyFib.mock.calls.length > 0, { what: 'the first pass' });
  expect(said('ready')).toBe(false);
  stop('SIGINT');
  await saying('ending: SIGINT');
  // As the netlink client does after a time without an answer.
  refuse(new Error('no answer'));
  await running;
  expect(close).toHaveBeenCalledWith({ keep: false });
  expect(existsSync(socket)).toBe(false);
});

test('planes that fail to close keep neither the others nor the socket nor the lock, but it does not end well', async () => {
  const closePlane = vi.spyOn(plane, 'close').mockRejectedValue(new Error('the pins are gone'));
  const refused = new DetourError('NETLINK_REFUSED', { what: 'the withdrawal', detail: 'delete route a: EPERM' });
  const closeFib = vi.spyOn(fib, 'close').mockRejectedValue(refused);
  const running = start();
  const ending = running.catch((error: unknown) => endingOf(error));
  await saying('ready, forwarding');
  stop('SIGTERM');
  expect(await ending).toEqual({
    code: 70,
    line:
      'detour: stopped, but closing controller failed: the kernel refused the withdrawal: delete route a: EPERM; ' +
      'the pins are gone; "detour unload" takes away what stays, and the next "detour run" takes it over: ' +
      'see "ip route show table all proto 68"',
  });
  expect(said('error closing controller failed: the kernel refused the withdrawal')).toBe(true);
  expect(closeFib).toHaveBeenCalledWith({ keep: false });
  expect(existsSync(socket)).toBe(false);
  closePlane.mockRestore();
  closeFib.mockRestore();
  const again = start();
  await until(() => lines.filter((line) => line.includes('ready, forwarding')).length === 2, { what: 'the next one' });
  stop('SIGTERM');
  await again;
});

test('what kept it from starting is told, not what then fails to close', async () => {
  vi.spyOn(fib, 'close').mockRejectedValue(new Error('no answer'));
  made.plane = null;
  await expect(start()).rejects.toThrow("Cannot read properties of null (reading 'notes')");
  expect(said('error closing netlink failed: no answer')).toBe(true);
});

test('a reader that hangs on the event stream does not keep it from ending', async () => {
  const running = start();
  await saying('ready, forwarding');
  const stream = request({ socketPath: socket, path: '/v1/events', headers: { accept: 'text/event-stream' } });
  const ended = new Promise<void>((resolve) => stream.on('close', resolve));
  stream.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    // Never read, and never closed from this side.
    stream.on('response', () => resolve());
    stream.end();
  });
  stop('SIGTERM');
  await running;
  stream.destroy();
  await ended;
});

test('a reload changes the level of the log, and says what it cannot change', async () => {
  configure('warn');
  const running = start();
  await until(() => existsSync(socket) && plane.applied !== null && fib.applied.length > 0, { what: 'the first pass' });
  configure('info', 'kernel: {metric: 77}\n');
  await until(
    () => {
      reload();
      return said('reloaded');
    },
    { what: 'the reload' },
  );
  expect(lines.filter((line) => line.startsWith('info reloaded'))[0]).toContain('log.level changed');
  expect(said('kernel.metric changed: takes effect after a restart')).toBe(true);
  configure('error');
  lines.length = 0;
  reload();
  expect(lines).toEqual([]);
  stop('SIGTERM');
  await running;
  expect(lines).toEqual([]);
});

test('a reload during the start is done when it is ready', async () => {
  let finish: () => void = () => undefined;
  vi.spyOn(fib, 'applyFib').mockReturnValueOnce(
    new Promise((resolve) => (finish = () => resolve({ writes: 0, problems: [] }))),
  );
  const running = start();
  await until(() => plane.applied !== null, { what: 'the first pass' });
  configure('debug');
  reload();
  expect(said('reloaded')).toBe(false);
  finish();
  await saying('reloaded');
  stop('SIGTERM');
  await running;
});

test('a reload that changes nothing says so, and of a wrong file the log says where and which key', async () => {
  const running = start();
  await saying('ready, forwarding');
  reload();
  expect(lines.at(-1)).toBe(`info reloaded ${file}: nothing has changed`);
  configure('info', 'decision: {minimum_agreing: 1}\n');
  reload();
  expect(lines.at(-1)).toMatch(
    /^error not reloaded, the running configuration stays: 1 error.*yaml:5:12: decision\.min/,
  );
  stop('SIGTERM');
  await running;
});

test.each([
  ['', 'routes, rules, programs and maps are withdrawn'],
  ['kernel: {keep_on_exit: true}\n', 'routes, rules, programs and maps stay, as kernel.keep_on_exit says'],
  ['mode: observe\n', 'programs and maps are withdrawn'],
])('with "%s" the last line of a clean end says what became of what was written', async (extra, expected) => {
  configure('info', extra);
  const running = start();
  await saying('ready, ');
  stop('SIGTERM');
  await running;
  expect(lines.slice(-2)).toEqual(['info ending: SIGTERM', `info ended: ${expected}`]);
});

test('what is not judged yet at the start is no warning', async () => {
  const running = start();
  await saying('ready, forwarding');
  expect(lines.filter((line) => line.includes('not judged yet'))).toEqual([]);
  stop('SIGTERM');
  await running;
});
