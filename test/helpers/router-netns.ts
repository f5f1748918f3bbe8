/** A namespace that is enough of a router for a controller to start in, and controllers as processes in it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtCli } from './cli.js';
import { NamedNetns } from './named-netns.js';
import { until } from './poll.js';

let serial = 0;

export interface RouterProcess {
  child: ChildProcess;
  pid: number;
  output: () => string;
  /** Exit code, or null after a signal. */
  exit: Promise<number | null>;
}

/**
 *     [wan0 10.0.0.2/24] ------ [peer0, without an address: a gateway that never answers]
 */
export class RouterNetns {
  readonly netns = new NamedNetns('router');
  readonly directory = mkdtempSync(join(tmpdir(), `dt-router-${process.pid}-`));
  readonly #children: ChildProcess[] = [];
  readonly #pinPaths = new Set<string>();

  constructor() {
    this.netns.ip('link add wan0 type veth peer name peer0');
    for (const link of ['wan0', 'peer0']) this.netns.ip(`link set ${link} up`);
    this.netns.ip('address add 10.0.0.2/24 dev wan0');
  }

  /** Writes a configuration with a socket and pins of its own, unless told otherwise. */
  config(
    extra = '',
    options: { socket?: string; pinPath?: string; probes?: string } = {},
  ): {
    file: string;
    socket: string;
    pinPath: string;
  } {
    const tag = `${process.pid}-${serial++}`;
    const {
      socket = join(this.directory, `${tag}.sock`),
      pinPath = `/sys/fs/bpf/dt-router-${tag}`,
      probes = '[]',
    } = options;
    this.#pinPaths.add(pinPath);
    const file = join(this.directory, `${tag}.yaml`);
    const text = `
uplinks:
  only: {interface: wan0, gateway: 10.0.0.1, probes: ${probes}}
api: {socket: ${socket}}
dataplane: {pin_path: ${pinPath}}
${extra}
`;
    writeFileSync(file, text);
    return { file, socket, pinPath };
  }

  /** `detour` with these arguments in the namespace; `prefix` stands before it ("setpriv", ...). */
  detour(args: readonly string[], prefix: readonly string[] = []): RouterProcess {
    const command = [`--net=${this.netns.path}`, ...prefix, process.execPath, builtCli(), ...args];
    const child = spawn('nsenter', command, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const exit = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
    return { child, pid: child.pid!, output: () => text, exit };
  }

  /** Resolves when it says that it is ready. */
  async run(file: string, prefix: readonly string[] = []): Promise<RouterProcess> {
    const running = this.detour(['run', file], prefix);
    await until(
      () => {
        if (running.child.exitCode !== null) throw new Error(`it ended: ${running.output()}`);
        return running.output().includes(' info ready, ');
      },
      { timeoutMs: 60_000, what: 'a controller that is ready' },
    );
    return running;
  }

  async stop(running: RouterProcess): Promise<number | null> {
    running.child.kill('SIGTERM');
    return running.exit;
  }

  async remove(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    }
    this.netns.remove();
    for (const path of this.#pinPaths) rmSync(path, { recursive: true, force: true });
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** One GET over a controller's socket. */
export function getJson<T>(socketPath: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: 10_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(JSON.parse(text) as T));
    });
    call.on('timeout', () => call.destroy(new Error(`GET ${path} took longer than 10 s`)));
    call.on('error', reject);
    call.end();
  });
}

/** uid and gid that own nothing in the namespaces of the tests. */
export const NOBODY = 65534;

/**
 * What stands before a command that runs as user nobody with these capabilities ("+net_admin,+bpf"; "" for none) and
 * with a /run/detour of its own, as systemd's RuntimeDirectory= would make it.
 */
export function asNobody(capabilities: string): string[] {
  const own = `mount -t tmpfs -o uid=${NOBODY},mode=755 tmpfs /run/detour && exec "$@"`;
  const set = capabilities === '' ? ['-all'] : [`-all,${capabilities}`];
  const user = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups', '--no-new-privs'];
  const rights = [`--inh-caps=${set.join()}`, `--ambient-caps=${set.join()}`, `--bounding-set=${set.join()}`];
  return ['unshare', '--mount', 'sh', '-ec', own, 'sh', 'setpriv', ...user, ...rights];
}
