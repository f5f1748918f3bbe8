/** A network namespace with veth pairs to a second one, for the tests of src/kernel. */
import { execFileSync } from 'node:child_process';
import { until } from '../../helpers/poll.js';

let made = 0;

export interface Veth {
  /** Name of the near end ("up0"); the far end is called the same in the far namespace. */
  name: string;
  ifindex: number;
}

export class Namespace {
  readonly name = `dt-kernel-${process.pid}-${made++}`;
  readonly far = `${this.name}-far`;
  readonly path = `/run/netns/${this.name}`;

  constructor() {
    try {
      for (const name of [this.name, this.far]) {
        run('ip', ['netns', 'add', name]);
        // Link-local addresses would be tentative for a second, and their routes come in the middle of a test.
        const dad = ['all', 'default'].map((where) => `net.ipv6.conf.${where}.accept_dad=0`);
        run('ip', ['netns', 'exec', name, 'sysctl', '-qw', ...dad]);
        run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Runs `ip` with these arguments (blanks separate) in the near namespace. */
  ip(command: string): string {
    return run('ip', ['-n', this.name, ...command.split(' ')]);
  }

  farIp(command: string): string {
    return run('ip', ['-n', this.far, ...command.split(' ')]);
  }

  /** Output of `ip -j` as data. */
  json<T = Record<string, unknown>>(command: string): T[] {
    const text = this.ip(`-j ${command}`);
    // `ip -j` prints nothing at all, or stray "{}" elements, where there is nothing to say.
    return text.trim() === '' ? [] : (JSON.parse(text) as T[]).filter((one) => Object.keys(one as object).length > 0);
  }

  /** Runs a command (blanks separate) in the near namespace. */
  exec(command: string): string {
    return run('ip', ['netns', 'exec', this.name, ...command.split(' ')]);
  }

  farExec(command: string): string {
    return run('ip', ['netns', 'exec', this.far, ...command.split(' ')]);
  }

  batch(lines: readonly string[]): void {
    execFileSync('ip', ['-n', this.name, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  sysctl(key: string, value: number): void {
    this.exec(`sysctl -qw ${key}=${value}`);
  }

  /** A veth pair, up on both sides, addresses without duplicate address detection: usable at once. */
  veth(name: string, near: readonly string[], far: readonly string[]): Veth {
    this.ip(`link add ${name} type veth peer name ${name} netns ${this.far}`);
    for (const address of near) this.ip(`address add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`);
    for (const address of far) this.farIp(`address add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`);
    this.farIp(`link set ${name} up`);
    this.ip(`link set ${name} up`);
    return { name, ifindex: this.ifindexOf(name) };
  }

  /**
   * Until the kernel has added by itself what belongs to the near ends: carriers, and link-local addresses with their
   * routes. That takes a moment on a busy machine.
   */
  async settled(): Promise<void> {
    interface Shown {
      operstate: string;
      link_type: string;
      addr_info: { scope: string; family: string; tentative?: boolean }[];
    }
    const isSettled = ({ operstate, link_type, addr_info }: Shown): boolean =>
      link_type === 'loopback' ||
      (operstate === 'UP' &&
        addr_info.some(({ scope, family }) => family === 'inet6' && scope === 'link') &&
        addr_info.every(({ tentative }) => tentative !== true));
    await until(() => this.json<Shown>('address show').every(isSettled), { what: 'links with all their addresses' });
  }

  ifindexOf(name: string): number {
    return this.json<{ ifindex: number }>(`link show dev ${name}`)[0]!.ifindex;
  }

  close(): void {
    for (const name of [this.name, this.far]) {
      try {
        run('ip', ['netns', 'delete', name]);
      } catch {
        // Never made, or already gone.
      }
    }
  }
}

function run(command: string, args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
