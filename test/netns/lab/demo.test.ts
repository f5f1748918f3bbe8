/** `make demo` as a person starts and ends it: the built program, its exit codes, and what it leaves behind. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { tryStart } from '../../../src/lab/shell.js';
import { builtCli } from '../../helpers/cli.js';
import { until } from '../../helpers/poll.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The built demo; compiled with the CLI. */
function demoProgram(): string {
  builtCli();
  return `${root}dist/lab/demo.js`;
}

/** Namespaces, pins and sockets that carry the demo's process id. */
function leftovers(pid: number): string[] {
  const namespaces = readdirSync('/run/netns');
  const files = [`/sys/fs/bpf/detour-demo-${pid}`, `/run/detour-demo-${pid}.sock`];
  return [...namespaces.filter((name) => name.startsWith(`dt${pid}-`)), ...files.filter((path) => existsSync(path))];
}

const childrenOf = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);

describe('a demo that is interrupted', () => {
  let demo: ChildProcess | undefined;
  let controllers: string[] = [];
  const running = (pid: string | number): boolean => existsSync(`/proc/${pid}`);

  // Finds something only after a failure: nothing may stay, and nobody else would see to it.
  afterEach(() => {
    if (!demo?.pid) return;
    for (const pid of [...controllers, demo.pid]) if (running(pid)) process.kill(Number(pid), 'SIGKILL');
    for (const left of leftovers(demo.pid)) {
      if (left.startsWith('/')) rmSync(left, { recursive: true });
      else tryStart('ip', 'netns', 'del', left);
    }
  });

  /** Until its traffic flows. */
  async function flowing(): Promise<{ pid: number; output: () => string }> {
    demo = spawn(process.execPath, [demoProgram()], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [demo.stdout, demo.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
    const { pid = 0 } = demo;
    await until(() => output.includes('steady traffic'), { timeoutMs: 60_000, what: 'steady traffic' }).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}: ${output}`);
      },
    );
    return { pid, output: () => output };
  }

  it.each([
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const)('by %s leaves nothing behind and says so', async (signal, exitCode) => {
    const { pid, output } = await flowing();
    controllers = childrenOf(pid);
    expect(controllers).toHaveLength(1);
    // Five namespaces, the pins, the socket.
    expect(leftovers(pid)).toHaveLength(7);
    demo!.kill(signal);
    const [code] = (await once(demo!, 'close')) as [number | null];
    expect([code, output()]).toEqual([
      exitCode,
      expect.stringContaining(`demo: interrupted by ${signal}; cleaning up`),
    ]);
    expect(leftovers(pid)).toEqual([]);
    expect(controllers.filter(running)).toEqual([]);
  });
});

describe('a demo without root', () => {
  it('says politely what it needs, and exits with 77', () => {
    // Nobody may perhaps not read the tree it is in; that is another matter.
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const mayRead = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
    const args = [...nobody, ...mayRead, process.execPath, demoProgram()];
    const { status, stdout, stderr } = spawnSync('setpriv', args, { cwd: root, encoding: 'utf8', timeout: 60_000 });
    expect({ status, stdout, stderr }).toEqual({
      status: 77,
      stdout: '',
      stderr: 'demo: building network namespaces needs root: run "make demo" as root or with sudo\n',
    });
  });
});
