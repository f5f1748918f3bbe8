/** The real controller, as its own process in the lab's router namespace, from a real YAML file. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { namespacePath } from './topology.js';

export interface ControllerProcessOptions {
  namespace: string;
  configFile: string;
  socket: string;
  /** Where the controller's log lines go. */
  onLine?: (line: string) => void;
  timeoutMs?: number;
  /** How long SIGTERM may take before `stop` sends SIGKILL. */
  stopTimeoutMs?: number;
  /** Ends the wait of `start`. */
  signal?: AbortSignal;
}

export class ControllerProcess {
  readonly #child: ChildProcess;
  readonly #socket: string;
  readonly #exited: Promise<number | null>;
  /** How it ended, in words; null while it runs. */
  #ending: string | null = null;
  readonly #stopTimeoutMs: number;
  #output = '';

  private constructor(child: ChildProcess, socket: string, stopTimeoutMs: number, onLine: (line: string) => void) {
    this.#child = child;
    this.#socket = socket;
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
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        for (const line of text.split('\n')) if (line !== '') onLine(line);
      });
    }
  }

  /** Resolves when /readyz answers 200; rejects with the controller's output when it ends before that. Then none runs. */
  static async start({
    namespace,
    configFile,
    socket,
    onLine = () => undefined,
    timeoutMs = 20_000,
    stopTimeoutMs = 10_000,
    signal,
  }: ControllerProcessOptions): Promise<ControllerProcess> {
    // The built one, also when this file runs from src/ in a test.
    const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
    const child = spawn('nsenter', [`--net=${namespacePath(namespace)}`, process.execPath, main, 'run', configFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const controller = new ControllerProcess(child, socket, stopTimeoutMs, onLine);
    try {
      await controller.#ready(timeoutMs, signal);
      return controller;
    } catch (error) {
      await controller.stop();
      throw error;
    }
  }

  async #ready(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      if (this.#ending !== null) throw new Error(`the controller ${this.#ending}: ${this.#output}`);
      const ready = await this.call('GET', '/readyz').catch(() => null);
      if (ready?.status === 200) return;
      await sleep(20, undefined, { signal });
    }
    throw new Error(`the controller was not ready within ${timeoutMs} ms: ${this.#output}`);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  /** One API call; resolves with status and parsed body. */
  call(method: 'GET' | 'POST', path: string, body?: object): Promise<{ status: number; body: unknown }> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const headers = payload === undefined ? {} : { 'content-type': 'application/json' };
      const call = request({ socketPath: this.#socket, method, path, headers, timeout: 5000 }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parse(text) }));
      });
      call.on('error', reject);
      call.on('timeout', () => call.destroy(new Error(`${method} ${path} took longer than 5 s`)));
      call.end(payload);
    });
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
