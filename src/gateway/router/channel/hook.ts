/**
 * The policy program: it is given the candidates as JSON on standard input and says their order on standard output, names
 * one a line or a JSON array. Elections never wait for it: what it said last holds until it says something else.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Clock } from '../../../controller/ports.js';
import { messageOf } from '../../../errors.js';
import type { Log } from '../../log.js';

/** As long as this and it is killed. */
const TIMEOUT_US = 2_000_000;
/** Begun at most this often. */
const INTERVAL_US = 1_000_000;
/** What failed is tried again so late, although the candidates are the same: a busy machine may have been the cause. */
const RETRY_US = 60_000_000;
const MAXIMUM_OUTPUT_BYTES = 64 * 1024;
const MAXIMUM_NAMES = 1024;

export interface PolicyHookOptions {
  clock: Clock;
  log: Log;
  /** The candidates now: what the program reads. Numbers that change all the time are not in it. */
  candidates: () => unknown[];
  onOrder: (names: string[]) => void;
}

export class PolicyHook {
  readonly #options: PolicyHookOptions;
  #command: readonly string[] | null = null;
  #asked = '';
  #child: ChildProcess | null = null;
  #failed = false;
  #retryUs = 0;
  #cancel: (() => void) | null = null;
  #closed = false;

  constructor(options: PolicyHookOptions) {
    this.#options = options;
  }

  /** null: the documented order alone. */
  use(command: readonly string[] | null): void {
    if (JSON.stringify(command) === JSON.stringify(this.#command)) return;
    this.#command = command;
    this.#asked = '';
    this.#failed = false;
    if (command === null) this.#options.onOrder([]);
    else if (this.#cancel === null) this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    if (this.#child) killGroup(this.#child);
  }

  #look(): void {
    this.#cancel = null;
    if (this.#closed || this.#command === null) return;
    const { clock, candidates } = this.#options;
    this.#cancel = clock.at(clock.nowUs() + INTERVAL_US, () => this.#look());
    if (this.#child !== null) return;
    const asked = JSON.stringify(candidates(), (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    if (asked === this.#asked && !(this.#failed && clock.nowUs() >= this.#retryUs)) return;
    this.#asked = asked;
    this.#run(this.#command, asked);
  }

  #run([program = '', ...args]: readonly string[], input: string): void {
    const { clock } = this.#options;
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        stdio: ['pipe', 'pipe', 'ignore'],
        env: { PATH: process.env['PATH'] ?? '' },
        // A group of its own, to be killed with all that it has begun.
        detached: true,
      });
    } catch (error) {
      this.#fail(messageOf(error));
      return;
    }
    this.#child = child;
    const output: Buffer[] = [];
    let length = 0;
    let problem: string | null = null;
    const kill = (why: string): void => {
      problem ??= why;
      killGroup(child);
      // What has left the group may hold the pipe open: it is not waited for.
      child.stdout?.destroy();
    };
    const cancel = clock.at(clock.nowUs() + TIMEOUT_US, () => kill('it took longer than 2 s'));
    child.stdout?.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAXIMUM_OUTPUT_BYTES) kill(`it said more than ${MAXIMUM_OUTPUT_BYTES} bytes`);
      else output.push(chunk);
    });
    // It need not read what it is told.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(`${input}\n`);
    child.on('error', (error) => (problem ??= error.message));
    child.on('close', (code, signal) => {
      cancel();
      this.#child = null;
      if (this.#closed) return;
      if (problem === null && code !== 0)
        problem = code === null ? `it was ended by ${signal}` : `it exited with ${code}`;
      if (problem === null) this.#take(Buffer.concat(output).toString('utf8'));
      else this.#fail(problem);
    });
  }

  #take(output: string): void {
    const names = parseOrder(output);
    if (names === null) {
      this.#fail('it did not say names, one a line or as a JSON array');
      return;
    }
    this.#failed = false;
    this.#options.onOrder(names);
  }

  /** The documented order holds until it works again; told once. */
  #fail(why: string): void {
    if (!this.#failed) {
      this.#options.log('warn', `gateways.policy (${this.#command?.[0] ?? ''}): ${why}: the documented order holds`);
    }
    this.#failed = true;
    this.#retryUs = this.#options.clock.nowUs() + RETRY_US;
    this.#options.onOrder([]);
  }
}

function killGroup({ pid }: ChildProcess): void {
  // It did not start.
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

const NAME = /^[a-z0-9-]{1,24}$/;

/** null: it cannot be understood. */
export function parseOrder(output: string): string[] | null {
  const text = output.trim();
  let names: unknown;
  if (text.startsWith('[')) {
    try {
      names = JSON.parse(text);
    } catch {
      return null;
    }
  } else {
    names = text === '' ? [] : text.split(/\s*\n\s*/);
  }
  if (!Array.isArray(names) || names.length > MAXIMUM_NAMES) return null;
  const unique = [...new Set(names as unknown[])];
  return unique.every((name) => typeof name === 'string' && NAME.test(name)) ? (unique as string[]) : null;
}
