/** Starts and ends a flood of the gateway protocol (flood.ts) in the lab. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Flood, FloodReport } from './flood.js';
import { ipBatch } from './shell.js';
import { namespacePath } from './topology.js';

const SOURCES = 64;

export class FloodProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #sent = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('close', () => resolve()));
  }

  /** Resolves once it begins to send. @param where it comes from; the interface gets its addresses */
  static start({ namespace, name }: { namespace: string; name: string }): Promise<FloodProcess> {
    const addresses = Array.from({ length: SOURCES }, (_, index) => `fe80::bad:${(index + 1).toString(16)}`);
    ipBatch(
      namespace,
      addresses.map((address) => `addr replace ${address}/64 dev ${name} nodad`),
    );
    const program = new URL('../../dist/lab/flood.js', import.meta.url).pathname;
    const child = spawn('nsenter', [`--net=${namespacePath(namespace)}`, process.execPath, program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const flood = new FloodProcess(child);
    child.stdin.end(JSON.stringify({ interface: name, addresses } satisfies Flood));
    return new Promise((resolve, reject) => {
      createInterface(child.stdout).on('line', (line) => {
        flood.#sent = (JSON.parse(line) as FloodReport).sent;
        resolve(flood);
      });
      child.once('error', reject);
      child.once('close', () => reject(new Error('the flood ended before it began')));
    });
  }

  /** Messages so far, as it told lately. */
  get sent(): number {
    return this.#sent;
  }

  /** @returns messages in all */
  async stop(): Promise<number> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    return this.#sent;
  }
}
