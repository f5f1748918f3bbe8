/**
 * The second act's stage: a home router with one line, a phone on the LAN (or on a cable of its own) that runs
 * `detour gateway run`, paired with the router by the commands that a person would use.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControllerProcess } from './controller-process.js';
import { Lab } from './lab.js';
import { LabProcess } from './lab-process.js';
import { rescueConfig, rescueNodeConfig } from './rescue-config.js';
import type { RescueConfigOptions } from './rescue-config.js';
import type { NodePlace } from './topology.js';

export interface RescueRigOptions {
  /** Tells this lab from others of the same process. */
  tag: string;
  /** Where each node stands; default: one on the LAN. */
  nodes?: readonly NodePlace[];
  /** Uplinks of the router, configured ones. */
  gateways?: number;
  signal?: AbortSignal;
  onLine?: (who: string, line: string) => void;
}

export const nodeName = (index: number): string => (index === 0 ? 'phone' : `phone${index + 1}`);
/** Of an elected node: what the groups and paths call it. */
export const gatewayUplink = (index: number): string => `gw-${nodeName(index)}`;

export class RescueRig {
  readonly lab: Lab;
  readonly #directory: string;
  readonly #pinPath: string;
  readonly #options: RescueRigOptions;
  #controller: ControllerProcess | null = null;
  readonly #agents = new Map<number, LabProcess>();

  constructor(options: RescueRigOptions) {
    const { tag, nodes = ['lan'], gateways = 1 } = options;
    this.#options = options;
    this.#directory = mkdtempSync(join(tmpdir(), 'detour-rescue-'));
    this.#pinPath = `/sys/fs/bpf/detour-${tag}`;
    this.lab = Lab.create({ gateways, nodes, tag });
  }

  get configFile(): string {
    return join(this.#directory, 'detour.yaml');
  }

  get socket(): string {
    return join(this.#directory, 'api.sock');
  }

  get routerState(): string {
    return join(this.#directory, 'router');
  }

  get controller(): ControllerProcess {
    if (!this.#controller) throw new Error('the controller is not started');
    return this.#controller;
  }

  agent(index = 0): LabProcess {
    const agent = this.#agents.get(index);
    if (!agent) throw new Error(`the agent of node ${index} is not started`);
    return agent;
  }

  nodeConfigFile(index: number): string {
    return join(this.#directory, `${nodeName(index)}.yaml`);
  }

  nodeState(index: number): string {
    return join(this.#directory, nodeName(index));
  }

  /** Writes the router's file; a running controller is not told. @returns its text */
  writeConfig(options: Partial<RescueConfigOptions> = {}): string {
    const { lab } = this;
    const text = rescueConfig({
      socket: this.socket,
      pinPath: this.#pinPath,
      stateDirectory: this.routerState,
      uplinks: lab.names.gateways.length,
      interfaces: [...new Set(lab.nodes.map(({ routerInterface }) => routerInterface))],
      ...options,
    });
    writeFileSync(this.configFile, text);
    return text;
  }

  /** Writes the node's file. @returns its text */
  writeNodeConfig(index = 0, extra = ''): string {
    mkdirSync(this.nodeState(index), { recursive: true, mode: 0o700 });
    const text = rescueNodeConfig({ name: nodeName(index), stateDirectory: this.nodeState(index), extra });
    writeFileSync(this.nodeConfigFile(index), text);
    return text;
  }

  /** `detour` with these arguments, to its end. @returns its standard output */
  detour(args: readonly string[], input = ''): string {
    const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
    return execFileSync(process.execPath, [main, ...args], {
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  /** Pairs a node with the router as a person would: the line of the one command is given to the other. */
  pair(index = 0): void {
    const line = this.detour(['gateways', 'pair', nodeName(index), '--config', this.configFile]);
    this.detour(['gateway', 'join', '--config', this.nodeConfigFile(index)], line);
  }

  async startController(): Promise<ControllerProcess> {
    const { signal, onLine } = this.#options;
    this.#controller = await ControllerProcess.start({
      namespace: this.lab.names.router,
      configFile: this.configFile,
      socket: this.socket,
      signal,
      onLine: (line) => onLine?.('router', line),
    });
    return this.#controller;
  }

  /** The running controller reads its file again. */
  reload(): void {
    this.controller.kill('SIGHUP');
  }

  startAgent(index = 0): LabProcess {
    const { onLine } = this.#options;
    const agent = new LabProcess({
      namespace: this.lab.nodes[index]?.namespace ?? '',
      args: ['gateway', 'run', this.nodeConfigFile(index)],
      onLine: (line) => onLine?.(nodeName(index), line),
    });
    this.#agents.set(index, agent);
    return agent;
  }

  async stopAgent(index = 0): Promise<void> {
    await this.#agents.get(index)?.stop();
    this.#agents.delete(index);
  }

  /** Everything, in any state. */
  async destroy(): Promise<void> {
    for (const agent of this.#agents.values()) await agent.stop();
    await this.#controller?.stop();
    this.lab.destroy();
    for (const left of [this.#pinPath, this.#directory]) rmSync(left, { recursive: true, force: true });
  }
}
