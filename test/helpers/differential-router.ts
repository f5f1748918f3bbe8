/** The router of the differential test: uplinks on veth pairs, permanent neighbours, random routes. */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { IpAddress, type Family } from '../../src/net/ip-address.js';
import { Prefix } from '../../src/net/prefix.js';
import type { Random } from './bpf/random.js';
import { ip } from './own-netns.js';

const PASS_OBJECT = fileURLToPath(new URL('../../build/bpf/pass.bpf.o', import.meta.url));

export const UPLINKS = ['up0', 'up1', 'up2', 'up3'];
/** An interface that the configuration does not mention. */
export const NOT_OURS = 'other0';
const CLIENT_SIDE = 'in0';
const devices = [...UPLINKS, CLIENT_SIDE, NOT_OURS];

export const CLIENT: Record<Family, string> = { 4: '192.168.4.9', 6: '2001:db8:f004::9' };
/** Host parts of the neighbours on every link: the uplink's gateway first, then others. */
const HOSTS = { 4: [254, 7, 8], 6: [0xfe, 7, 8] };

const network = (family: Family, device: string): string =>
  family === 4 ? `192.168.${devices.indexOf(device)}.` : `2001:db8:f00${devices.indexOf(device)}::`;

export const neighbourAddress = (family: Family, device: string, index: number): string => {
  const host = HOSTS[family][index] ?? 0;
  return network(family, device) + (family === 4 ? host : host.toString(16));
};

const neighbourMac = (family: Family, device: string, index: number): string =>
  `02:00:0${family}:00:0${devices.indexOf(device)}:0${index}`;

/** MAC -> "device address", of every permanent neighbour. */
export function gatewayByMac(): Map<string, string> {
  const all = new Map<string, string>();
  for (const family of [4, 6] as const) {
    for (const device of devices) {
      HOSTS[family].forEach((_, index) =>
        all.set(neighbourMac(family, device, index), `${device} ${neighbourAddress(family, device, index)}`),
      );
    }
  }
  return all;
}

/** In the caller's namespace, which must be its own. */
export function buildRouter(): void {
  for (const device of devices) {
    ip(`link add ${device} type veth peer name ${device}-far`);
    // A veth takes redirected frames only while its peer runs NAPI.
    execFileSync('ip', ['link', 'set', 'dev', `${device}-far`, 'xdpdrv', 'obj', PASS_OBJECT, 'sec', 'xdp.frags']);
    ip(`link set ${device} up`);
    ip(`link set ${device}-far up`);
    ip(`address add ${network(4, device)}1/24 dev ${device}`);
    ip(`address add ${network(6, device)}1/64 dev ${device} nodad`);
    for (const family of [4, 6] as const) {
      HOSTS[family].forEach((_, index) => {
        const address = neighbourAddress(family, device, index);
        ip(`neigh add ${address} lladdr ${neighbourMac(family, device, index)} dev ${device} nud permanent`);
      });
    }
  }
  ownNetworks();
}

/** Whole networks that are this machine's (AnyIP): the kernel asks table local first, whatever is longer elsewhere. */
function ownNetworks(): void {
  ip('route add local 10.3.64.0/20 dev lo');
  ip('-6 route add local 2001:db8:3:40::/64 dev lo table local');
}

/** Prefixes nest because lengths differ and the pool is small; addresses have long common beginnings. */
function randomPrefix(random: Random, family: Family): string {
  const address = randomAddress(random, family);
  const length = family === 4 ? random.between(9, 32) : random.between(33, 128);
  return Prefix.of(IpAddress.parse(address), length).toString();
}

/** 10.0.0.0/8 and 2001:db8::/32, with few different values in each place. */
export function randomAddress(random: Random, family: Family): string {
  const few = (): number => random.pick([0, 1, 2, 3, 64, 128, 255]);
  if (family === 4) return `10.${few()}.${few()}.${random.between(0, 255)}`;
  return `2001:db8:${few().toString(16)}:${few().toString(16)}::${few().toString(16)}:${few().toString(16)}`;
}

export function randomPrefixes(random: Random, family: Family, count: number): string[] {
  const prefixes = new Set([family === 4 ? '0.0.0.0/0' : '::/0']);
  while (prefixes.size < count) prefixes.add(randomPrefix(random, family));
  return [...prefixes];
}

/** Words for `ip route`: some for prefixes of Detour's own, with metrics around its 10, some longer, some shorter. */
export function randomForeignRoutes(random: Random, family: Family, configured: readonly string[]): string[] {
  return Array.from({ length: 100 }, (_, index) => {
    const prefix = index % 3 === 0 ? random.pick(configured) : randomPrefix(random, family);
    const metric = random.pick(['', ' metric 5', ' metric 10', ' metric 15', ' metric 500']);
    const kind = random.between(0, 9);
    if (kind < 3) return `${['unreachable', 'prohibit', 'blackhole'][kind] ?? ''} ${prefix}${metric}`;
    const device = random.pick([...devices, ...UPLINKS]);
    if (kind === 3) return `${prefix} dev ${device}${metric}`;
    return `${prefix} via ${neighbourAddress(family, device, random.between(0, 2))} dev ${device}${metric}`;
  });
}

/** What the kernel has already it refuses: that is no error. */
export function addForeignRoutes(family: Family, routes: readonly string[]): void {
  const input = routes.map((route) => `route add ${route} proto 99\n`).join('');
  const { stderr } = spawnSync('ip', [`-${family}`, '-force', '-batch', '-'], { input, encoding: 'utf8' });
  const unexpected = stderr.split('\n').filter((line) => line !== '' && !/File exists|Command failed/.test(line));
  if (unexpected.length > 0) throw new Error(unexpected.join('\n'));
}

/** Addresses in and beside the prefixes, on the links, this machine's own, and anywhere. */
export function randomDestinations(
  random: Random,
  family: Family,
  prefixes: readonly string[],
  count: number,
): string[] {
  const special = devices.flatMap((device) => [
    `${network(family, device)}1`,
    ...HOSTS[family].map((_, index) => neighbourAddress(family, device, index)),
    `${network(family, device)}${family === 4 ? 200 : 'c8'}`,
    ...(family === 4 ? [`${network(4, device)}255`] : []),
  ]);
  const inside = Array.from({ length: count }, (_, index) => {
    if (index % 3 === 0) return randomAddress(random, family);
    const { address, length } = Prefix.parse(random.pick(prefixes));
    if (length === 0) return randomAddress(random, family);
    const bytes = Uint8Array.from(address.bytes);
    // Behind the prefix: all zeros, all ones, or anything.
    const fill = random.pick([() => 0, () => 255, () => random.between(0, 255)]);
    for (let at = 0; at < bytes.length; at++) {
      const kept = Math.min(8, Math.max(0, length - at * 8));
      bytes[at] = (bytes[at] ?? 0) | (fill() & (0xff >> kept));
    }
    return IpAddress.fromBytes(bytes).toString();
  });
  return [...new Set([...special, ...inside])];
}

/** One group for each of the first uplinks, a default of three tiers, some blackholes; no interface but `other0` is left out. */
export function configText(random: Random, prefixes: readonly string[], pinPath: string): string {
  const uplinks = UPLINKS.map(
    (name) =>
      `  ${name}: {interface: ${name}, gateway: {ipv4: ${neighbourAddress(4, name, 0)}, ipv6: "${neighbourAddress(6, name, 0)}"}, ` +
      `hold_down_ms: 0, damping: {enabled: false}, probes: [{type: icmp, targets: [gateway]}]}`,
  );
  const groups = UPLINKS.map((name, index) => `  g${index}: {tiers: [[${name}], [${UPLINKS[(index + 1) % 4]}]]}`);
  const routes = prefixes.map((prefix) => {
    const target = random.between(0, 9) === 0 ? 'blackhole: true' : `group: g${random.between(0, 3)}`;
    return `  - {to: "${prefix}", ${target}}`;
  });
  const lines = ['uplinks:', ...uplinks, 'groups:', ...groups, 'routes:', ...routes];
  return [...lines, `interfaces: [${CLIENT_SIDE}]`, `dataplane: {pin_path: ${pinPath}, max_routes: 4096}`, ''].join(
    '\n',
  );
}
