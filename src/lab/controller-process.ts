/** The real controller, as its own process in the lab's router namespace, from a real YAML file. */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabProcess } from './lab-process.js';

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

export type HttpMethod = 'GET' | 'POST' | 'DELETE';

export class ControllerProcess {
  readonly #process: LabProcess;
  readonly #socket: string;

  private constructor(process: LabProcess, socket: string) {
    this.#process = process;
    this.#socket = socket;
  }

  /** Resolves when /readyz answers 200; rejects with the controller's output when it ends before that. Then none runs. */
  static async start({
    namespace,
    configFile,
    socket,
    onLine,
    timeoutMs = 20_000,
    stopTimeoutMs,
    signal,
  }: ControllerProcessOptions): Promise<ControllerProcess> {
    const process = new LabProcess({ namespace, args: ['run', configFile], onLine, stopTimeoutMs });
    const controller = new ControllerProcess(process, socket);
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
      const { ending } = this.#process;
      if (ending !== null) throw new Error(`the controller ${ending}: ${this.output}`);
      const ready = await this.call('GET', '/readyz').catch(() => null);
      if (ready?.status === 200) return;
      await sleep(20, undefined, { signal });
    }
    throw new Error(`the controller was not ready within ${timeoutMs} ms: ${this.output}`);
  }

  get pid(): number {
    return this.#process.pid;
  }

  get output(): string {
    return this.#process.output;
  }

  /** One API call; resolves with status and parsed body. */
  call(method: HttpMethod, path: string, body?: object): Promise<{ status: number; body: unknown }> {
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
    this.#process.kill(signal);
  }

  /** The exit code; null when a signal ended it. */
  exited(): Promise<number | null> {
    return this.#process.exited();
  }

  /** SIGTERM, and SIGKILL if that is not enough. */
  stop(): Promise<number | null> {
    return this.#process.stop();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
