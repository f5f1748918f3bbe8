/** A lab with a running controller, for tests of the whole. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControllerProcess } from '../../src/lab/controller-process.js';
import { demoConfig } from '../../src/lab/demo-config.js';
import { Lab } from '../../src/lab/lab.js';
import { sh, tryStart } from '../../src/lab/shell.js';
import { SLOWNESS, until } from './poll.js';

let count = 0;

export interface GroupState {
  group: string;
  family: number;
  active: string[];
}

export interface EventState {
  sequence: number;
  record: { kind: string; uplink?: string; family?: number; from?: unknown; to?: unknown; cause?: string };
}

export class LabRun {
  readonly lab: Lab;
  readonly configFile: string;
  readonly socket: string;
  readonly pinPath: string;
  readonly #directory: string;
  controller: ControllerProcess | null = null;

  constructor(options: { gateways?: number } = {}) {
    const tag = `t${process.pid}-${count++}`;
    this.#directory = mkdtempSync(join(tmpdir(), 'detour-test-'));
    this.configFile = join(this.#directory, 'detour.yaml');
    this.socket = join(this.#directory, 'api.sock');
    this.pinPath = `/sys/fs/bpf/detour-${tag}`;
    this.lab = Lab.create({ gateways: options.gateways ?? 2, tag });
  }

  get router(): string {
    return this.lab.names.router;
  }

  /** The demo's configuration, with `extra` at its end, or the whole text that is given. */
  write(extra = '', whole?: string): void {
    const text = whole ?? demoConfig({ socket: this.socket, pinPath: this.pinPath, extra });
    // On an emulated machine a reply may take longer than the demo's interval.
    writeFileSync(this.configFile, SLOWNESS > 1 ? text.replaceAll('interval_ms: 20\n', 'interval_ms: 200\n') : text);
  }

  async start(extra = ''): Promise<ControllerProcess> {
    this.write(extra);
    return this.startAsWritten();
  }

  async startAsWritten(): Promise<ControllerProcess> {
    this.controller = await ControllerProcess.start({
      namespace: this.router,
      configFile: this.configFile,
      socket: this.socket,
      timeoutMs: 60_000 * SLOWNESS,
      stopTimeoutMs: 10_000 * SLOWNESS,
    });
    return this.controller;
  }

  async groups(): Promise<GroupState[]> {
    const answer = await this.#running().call('GET', '/v1/groups');
    return (answer.body as { groups: GroupState[] }).groups;
  }

  async events(after = 0): Promise<EventState[]> {
    const answer = await this.#running().call('GET', `/v1/events?after=${after}&limit=1000`);
    return (answer.body as { events: EventState[] }).events;
  }

  /** Waits until exactly these uplinks carry traffic in both families. */
  async active(...uplinks: string[]): Promise<void> {
    await until(
      async () => {
        const groups = await this.groups();
        return groups.length >= 2 && groups.every((group) => group.active.join() === uplinks.join());
      },
      { timeoutMs: 60_000, what: `traffic through ${uplinks.join('+')}` },
    );
  }

  /** By which interface the router's own stack would send to an address. */
  kernelInterface(address: string): string {
    const [answer] = JSON.parse(sh('ip', '-n', this.router, '-j', 'route', 'get', address)) as { dev: string }[];
    return answer?.dev ?? 'none';
  }

  /** What of ours is in the kernel, as text; empty when nothing is left. */
  leftovers(): string {
    const ip = (...args: string[]): string => sh('ip', '-n', this.router, ...args).trim();
    const own = [
      ip('-4', 'route', 'show', 'table', 'all', 'proto', '68'),
      ip('-6', 'route', 'show', 'table', 'all', 'proto', '68'),
      ip('nexthop', 'show', 'proto', '68'),
      ...[ip('-4', 'rule'), ip('-6', 'rule')].map((rules) =>
        rules
          .split('\n')
          .filter((rule) => / 68\d\d/.test(rule))
          .join('\n'),
      ),
      ip('link')
        .split('\n')
        .filter((line) => line.includes('xdp'))
        .join('\n'),
    ];
    return own.filter((text) => text !== '').join('\n');
  }

  /** True if the client reaches the far server. */
  ping(address: string): boolean {
    return tryStart('ip', 'netns', 'exec', this.lab.names.client, 'ping', '-c1', '-W2', address);
  }

  /** Packets by reason of one interface. */
  async reasons(name: string): Promise<Record<string, string>> {
    const { body } = await this.#running().call('GET', '/v1/interfaces');
    const { interfaces } = body as { interfaces: { name: string; reasons: Record<string, string> }[] };
    return interfaces.find((entry) => entry.name === name)?.reasons ?? {};
  }

  #running(): ControllerProcess {
    if (!this.controller) throw new Error('the controller is not started');
    return this.controller;
  }

  async stop(): Promise<number | null> {
    const code = (await this.controller?.stop()) ?? null;
    this.controller = null;
    return code;
  }

  /** Everything that was made, in any state. */
  async destroy(): Promise<void> {
    await this.stop();
    this.lab.destroy();
    // Pins of a killed controller.
    rmSync(this.pinPath, { recursive: true, force: true });
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
