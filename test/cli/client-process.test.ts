import { spawn, type ChildProcess } from 'node:child_process';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { builtCli, runProcess } from '../helpers/cli.js';
import { useController, type TestController } from '../helpers/controller.js';
import { until } from '../helpers/poll.js';

const startController = useController();
let controller: TestController;
const children: ChildProcess[] = [];
beforeAll(() => void builtCli());
beforeEach(async () => {
  controller = await startController();
});
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

interface Running {
  child: ChildProcess;
  stdout: () => string;
  stderr: () => string;
  exit: Promise<number | null>;
}

function start(command: string, args: readonly string[], environment: Record<string, string> = {}): Running {
  const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: 'pipe' });
  children.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, stdout: () => stdout, stderr: () => stderr, exit };
}

const detour = (...args: string[]): Running =>
  start(process.execPath, [builtCli(), ...args, '--socket', controller.socket]);

/** In a pseudo-terminal of 80 x 24; what is written to its standard input is typed. */
function detourInTerminal(args: string, environment: Record<string, string> = {}): Running {
  const command = `stty cols 80 rows 24; exec '${process.execPath}' '${builtCli()}' ${args} --socket '${controller.socket}'`;
  return start('script', ['-qec', command, '/dev/null'], { TERM: 'xterm', NO_COLOR: '', ...environment });
}

test('the process prints, and ends with the documented code', async () => {
  const found = await runProcess(['uplinks', 'lte'], { DETOUR_SOCKET: controller.socket });
  expect(found).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('lte: interface wwan0') });
  const unknown = await runProcess(['uplinks', 'cable'], { DETOUR_SOCKET: controller.socket });
  expect(unknown).toEqual({ code: 1, stdout: '', stderr: 'detour: no uplink named "cable"; known: fibre, lte\n' });
  await controller.stop();
  const gone = await runProcess(['status'], { DETOUR_SOCKET: controller.socket });
  expect(gone).toMatchObject({ code: 69, stdout: '' });
});

test('a pipe gets no colour and no cut lines', async () => {
  const { stdout } = await runProcess(['status'], { DETOUR_SOCKET: controller.socket });
  expect(stdout).not.toContain('\u001b');
  expect(stdout).toContain('last reply seen 61 ms before');
  expect(stdout).not.toContain('…');
});

test('a terminal gets colour and lines of its width; NO_COLOR is respected', async () => {
  const colored = detourInTerminal('status');
  expect(await colored.exit).toBe(0);
  expect(colored.stdout()).toContain('\u001b[31mdown\u001b[0m');
  const plain = detourInTerminal('status', { NO_COLOR: '1' });
  expect(await plain.exit).toBe(0);
  expect(plain.stdout()).not.toContain('\u001b[');
  expect(plain.stdout()).toContain('…');
  for (const line of plain.stdout().split('\r\n')) expect([...line].length).toBeLessThanOrEqual(80);
});

test('status --watch redraws until Ctrl-C, through an absence of the controller, and restores the terminal', async () => {
  const watching = detourInTerminal('status --watch');
  await until(() => watching.stdout().includes('bit/s'), { timeoutMs: 30_000, what: 'the second frame, with rates' });
  expect(watching.stdout()).toContain('\u001b[?1049h');
  expect(watching.stdout()).not.toContain('\u001b[?1049l');
  await controller.stop();
  await until(() => watching.stdout().includes('no controller answers'), { timeoutMs: 30_000, what: 'the news' });
  await controller.restart();
  const before = watching.stdout().length;
  await until(() => watching.stdout().slice(before).includes('degraded'), {
    timeoutMs: 30_000,
    what: 'the table again',
  });
  watching.child.stdin!.write('\u0003');
  expect(await watching.exit).toBe(0);
  expect(watching.stdout()).toContain('\u001b[?25h\u001b[?1049l');
});

test('status --watch that finds no controller at the start is an error', async () => {
  await controller.stop();
  const watching = detour('status', '--watch');
  expect(await watching.exit).toBe(69);
  expect(watching.stderr()).toContain('no controller answers');
});

test('status --watch --json gives one line a second to a pipe', async () => {
  const watching = detour('status', '--watch', '--json');
  await until(() => watching.stdout().split('\n').length > 2, { timeoutMs: 30_000, what: 'two lines' });
  watching.child.kill('SIGINT');
  expect(await watching.exit).toBe(0);
  for (const line of watching.stdout().trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('health');
});

test('events --follow prints what happens, over a restart of the controller, until Ctrl-C', async () => {
  const record = (cause: string): void =>
    void controller.service.record({ kind: 'blind', durationUs: 1, cause, atUs: 0 });
  record('before');
  const following = detour('events', '--follow');
  await until(() => controller.service.listenerCount === 1, { timeoutMs: 30_000, what: 'the stream' });
  record('while');
  await until(() => following.stdout().includes('while'), { what: 'the event' });
  await controller.restart();
  await until(() => controller.service.listenerCount === 1, {
    timeoutMs: 30_000,
    what: 'the stream after the restart',
  });
  record('after');
  await until(() => following.stdout().includes('after'), { what: 'the event after the restart' });
  expect(following.stderr()).toContain('the connection to the controller is lost');
  expect(following.stderr()).toContain('detour: the controller has been restarted\n');
  following.child.kill('SIGINT');
  expect(await following.exit).toBe(0);
  expect(following.stdout().match(/blind/g)).toHaveLength(3);
});

test('a reader that goes away is no error', async () => {
  controller.service.recordOneOfEach();
  const { code, stdout } = await new Promise<{ code: number | null; stdout: string }>((resolve) => {
    const pipe = start('sh', [
      '-c',
      `'${process.execPath}' '${builtCli()}' events --follow --after 0 --socket '${controller.socket}' 2>&1 | head -n 1`,
    ]);
    void until(() => pipe.stdout() !== '', { timeoutMs: 30_000, what: 'the first line' }).then(() =>
      controller.service.recordOneOfEach(),
    );
    void pipe.exit.then((code) => resolve({ code, stdout: pipe.stdout() }));
  });
  expect(code).toBe(0);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  await until(() => controller.service.listenerCount === 0, { timeoutMs: 30_000, what: 'the end of the stream' });
});
