/** A program of this project in a namespace of the lab: its output, its end, and how to make it end. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { namespacePath } from './topology.js';

export interface LabProcessOptions {
  namespace: string;
  /** Arguments of `detour`. */
  args: readonly string[];
  /** Where lines of its output go. */
  onLine?: (line: string) => void;
  /** How long SIGTERM may take before `stop` sends SIGKILL. */
  stopTimeoutMs?: number;
}

const STOP_TIMEOUT_MS = 10_000;

export class LabProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  readonly #stopTimeoutMs: number;
  #ending: string | null = null;
  #output = '';

  constructor({ namespace, args, onLine = () => undefined, stopTimeoutMs = STOP_TIMEOUT_MS }: LabProcessOptions) {
    // The built one, also when this file runs from src/ in a test.
    const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
    const child = spawn('nsenter', [`--net=${namespacePath(namespace)}`, process.execPath, main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#stopTimeoutMs = stopTimeoutMs;
    this.#exited = new Promise((resolve) => {
      // Not 'exit': its last words may still be in the pipe then.
      child.once('close', (code, signal) => {
        this.#ending ??= signal === null ? `ended with ${code}` : `was ended by ${signal}`;
        resolve(code);
      });
      // Without a listener it would be an uncaught exception. When there never was a process, `close` says nothing of use.
      child.on('error', (error) => {
        if (child.pid !== undefined) return;
        this.#ending = `could not be started: ${error.message}`;
        resolve(null);
      });
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        for (const line of text.split('\n')) if (line !== '') onLine(line);
      });
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Standard output and standard error, as they came. */
  get output(): string {
    return this.#output;
  }

  /** How it ended, in words; null while it runs. */
  get ending(): string | null {
    return this.#ending;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The exit code; null when a signal ended it. */
  exited(): Promise<number | null> {
    return this.#exited;
  }

  /** SIGTERM, and SIGKILL if that is not enough. */
  async stop(): Promise<number | null> {
    if (this.#ending === null) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), this.#stopTimeoutMs);
    const code = await this.#exited;
    clearTimeout(timer);
    return code;
  }
}
