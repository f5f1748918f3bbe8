/** `ip monitor` of routes, rules and nexthops in a namespace: what was really changed, whoever did it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { until } from '../../helpers/poll.js';
import type { Namespace } from './namespace.js';

export class Monitor {
  /** As `ip -N -j` says it. Routes that the monitor makes for itself are in there. */
  static readonly markerTable = '4000';
  readonly #space: Namespace;
  readonly #child: ChildProcess;
  #text = '';
  #markers = 0;

  private constructor(space: Namespace) {
    this.#space = space;
    this.#child = spawn('ip', ['-n', space.name, 'monitor', 'route', 'rule', 'nexthop'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#child.stdout!.on('data', (bytes: Buffer) => (this.#text += bytes.toString()));
  }

  /** Listens from now on. */
  static async start(space: Namespace): Promise<Monitor> {
    const monitor = new Monitor(space);
    await monitor.changes();
    return monitor;
  }

  /** What was told since the last call until now. */
  async changes(): Promise<string[]> {
    // Until it is shown: the first ones may come before the program listens.
    await until(
      () => {
        this.#space.ip(`route add blackhole 240.0.0.${++this.#markers} table ${Monitor.markerTable} proto 4`);
        return this.#text.includes('240.0.0.');
      },
      { what: 'the marker in the output of ip monitor' },
    );
    const last = `240.0.0.${this.#markers} `;
    await until(() => this.#text.includes(last), { what: 'the last marker' });
    const lines = this.#text.split('\n').filter((line) => line.trim() !== '' && !line.includes('240.0.0.'));
    this.#text = '';
    return lines;
  }

  close(): void {
    this.#child.kill();
  }
}
