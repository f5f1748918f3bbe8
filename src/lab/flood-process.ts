/** Starts and ends a flood of the gateway protocol (flood.ts) in the lab. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { FloodMessage } from './flood-frame.js';
import type { Flood, FloodReport } from './flood.js';
import { sh } from './shell.js';
import { namespacePath } from './topology.js';

export interface FloodOptions extends Partial<FloodMessage> {
  messagesPerSecond: number;
  maxSeconds: number;
}

/** Sixty-four thousand machines without a pairing. */
const DEFAULTS: FloodMessage = {
  source: 'fe80::bad:0:1',
  sourceMac: '02:bd:00:00:00:01',
  sourceBits: 16,
  sender: null,
  keyId: 'unpaired',
};

export class FloodProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #sent = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('close', () => resolve()));
  }

  /** Resolves once it sends. @param where it comes from */
  static start(where: { namespace: string; name: string }, options: FloodOptions): Promise<FloodProcess> {
    const { namespace, name } = where;
    const [link] = JSON.parse(sh('ip', '-n', namespace, '-j', 'link', 'show', name)) as { ifindex: number }[];
    if (!link) throw new Error(`${namespace}: no interface ${name}`);
    const program = new URL('../../dist/lab/flood.js', import.meta.url).pathname;
    const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
    const flood = new FloodProcess(child);
    const task: Flood = { ...DEFAULTS, ...options, ifindex: link.ifindex, netns: namespacePath(namespace) };
    child.stdin.end(JSON.stringify(task));
    return new Promise((resolve, reject) => {
      createInterface(child.stdout).on('line', (line) => {
        flood.#sent = (JSON.parse(line) as FloodReport).sent;
        if (flood.#sent > 0) resolve(flood);
      });
      child.once('error', reject);
      child.once('close', (code) => reject(new Error(`the flood ended with ${code} before it began`)));
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
