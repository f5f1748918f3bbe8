import { execFileSync } from 'node:child_process';

let serial = 0;

/** A network namespace with a name of its own; every `ip` inside it goes through `ip()`. */
export class NamedNetns {
  readonly name: string;

  constructor(label: string) {
    this.name = `dt-${label}-${process.pid}-${serial++}`;
    execFileSync('ip', ['netns', 'add', this.name], { stdio: 'pipe' });
    this.ip('link set lo up');
  }

  /** For the addon's `netns` options. */
  get path(): string {
    return `/run/netns/${this.name}`;
  }

  /** Runs `ip` inside with these arguments (no quoting) and returns its output. */
  ip(command: string): string {
    return execFileSync('ip', ['-n', this.name, ...command.split(' ')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Runs any command inside and returns its output. */
  exec(file: string, args: readonly string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, file, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  ifindexOf(link: string): number {
    const [found] = JSON.parse(this.ip(`-json link show dev ${link}`)) as { ifindex: number }[];
    if (!found) throw new Error(`no interface ${link} in ${this.name}`);
    return found.ifindex;
  }

  macOf(link: string): Buffer {
    const [found] = JSON.parse(this.ip(`-json link show dev ${link}`)) as { address: string }[];
    return Buffer.from(found!.address.replaceAll(':', ''), 'hex');
  }

  remove(): void {
    execFileSync('ip', ['netns', 'del', this.name], { stdio: 'pipe' });
  }
}

/**
 *     here [hereLink] ------ [thereLink] there
 *
 * A veth pair, both ends up, with the addresses given ("192.0.2.1/24", IPv6 without duplicate detection).
 */
export function connectNetns(
  here: NamedNetns,
  hereLink: string,
  hereAddresses: readonly string[],
  there: NamedNetns,
  thereLink: string,
  thereAddresses: readonly string[],
): void {
  here.ip(`link add ${hereLink} type veth peer name ${thereLink} netns ${there.name}`);
  for (const [netns, link, addresses] of [
    [here, hereLink, hereAddresses],
    [there, thereLink, thereAddresses],
  ] as const) {
    for (const address of addresses) {
      netns.ip(`address add ${address} dev ${link}${address.includes(':') ? ' nodad' : ''}`);
    }
    netns.ip(`link set ${link} up`);
  }
}
