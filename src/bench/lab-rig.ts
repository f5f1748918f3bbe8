/** What every benchmark of the whole needs: a lab, a configuration file, the controller; all undone at the end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControllerProcess } from '../lab/controller-process.js';
import { demoConfig } from '../lab/demo-config.js';
import { Lab } from '../lab/lab.js';
import type { BenchContext } from './result.js';

export interface RigOptions {
  /** Of each uplink's probe, in each family; default: the demo's. */
  targetsPerFamily?: number;
  /** Lines added to the configuration. */
  extra?: string;
}

let count = 0;

export class LabRig {
  readonly lab: Lab;
  readonly #configFile: string;
  readonly #socket: string;
  readonly #signal: AbortSignal;
  #controller: ControllerProcess | null = null;

  constructor(context: BenchContext, options: RigOptions = {}) {
    this.#signal = context.signal;
    const tag = `b${process.pid}-${count++}`;
    const directory = mkdtempSync(join(tmpdir(), 'detour-bench-'));
    context.defer(() => rmSync(directory, { recursive: true, force: true }));
    const pinPath = `/sys/fs/bpf/detour-${tag}`;
    context.defer(() => rmSync(pinPath, { recursive: true, force: true }));
    this.#configFile = join(directory, 'detour.yaml');
    this.#socket = join(directory, 'api.sock');
    writeFileSync(this.#configFile, demoConfig({ socket: this.#socket, pinPath, ...options }));
    this.lab = Lab.create({ gateways: 2, tag });
    context.defer(() => this.lab.destroy());
    context.defer(() => this.stopController());
  }

  /** Resolves when /readyz answers 200. */
  async startController(): Promise<ControllerProcess> {
    this.#controller = await ControllerProcess.start({
      namespace: this.lab.names.router,
      configFile: this.#configFile,
      socket: this.#socket,
      signal: this.#signal,
    });
    return this.#controller;
  }

  async stopController(): Promise<void> {
    await this.#controller?.stop();
    this.#controller = null;
  }
}
