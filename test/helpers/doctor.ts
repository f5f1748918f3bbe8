/** A pretended machine for the doctor's checks: everything is right until a test says otherwise. */
import type { Check, DoctorInput, Finding } from '../../src/cli/doctor/finding.js';
import { parseConfig } from '../../src/config/index.js';
import type { KernelLink, KernelView } from '../../src/controller/ports.js';
import { link } from './fake-planes.js';

/** Capabilities of root. */
export const ALL_CAPABILITIES = 'CapEff:\t000001ffffffffff\n';

const FILES: Readonly<Record<string, string>> = {
  '/proc/sys/kernel/osrelease': '6.12.9\n',
  '/proc/self/status': `Name:\tnode\n${ALL_CAPABILITIES}`,
  '/sys/kernel/btf/vmlinux': '',
  '/proc/self/mountinfo': '30 24 0:26 / /sys/fs/bpf rw,nosuid - bpf bpf rw,mode=700\n',
  '/proc/self/cgroup': '0::/system.slice/detour.service\n',
  '/proc/sys/net/core/bpf_jit_enable': '1\n',
  '/proc/sys/net/ipv4/nexthop_compat_mode': '0\n',
  '/proc/sys/net/ipv4/conf/all/ignore_routes_with_linkdown': '1\n',
  '/proc/sys/net/ipv6/conf/all/ignore_routes_with_linkdown': '1\n',
  '/sys/devices/system/clocksource/clocksource0/current_clocksource': 'tsc\n',
  '/sys/devices/system/clocksource/clocksource0/available_clocksource': 'tsc hpet acpi_pm\n',
};

const CONFIG = `
uplinks:
  fibre: {interface: eth1, probes: [{type: icmp, targets: [192.0.2.53, "2001:db8::53"]}]}
  lte: {interface: eth2, probes: [{type: icmp, targets: [192.0.2.53]}]}
interfaces: [eth0]
`;

export function view(links: readonly KernelLink[], change: Partial<KernelView> = {}): KernelView {
  return {
    links: new Map(links.map((item) => [item.ifindex, item])),
    addresses: [],
    neighbours: [],
    routes: [],
    nexthops: new Map(),
    foreignRules: [],
    netfilter: [],
    ipsecPolicies: { 4: 0, 6: 0 },
    ...change,
  };
}

export const LINKS: readonly KernelLink[] = [link(1, 'lo'), link(2, 'eth0'), link(3, 'eth1'), link(4, 'eth2')];

export interface Machine extends Partial<Omit<DoctorInput, 'files' | 'loaded'>> {
  /** Files that differ; null: not there. */
  files?: Record<string, string | null>;
  /** Symbolic links. */
  symlinks?: Record<string, string>;
  /** YAML; null: no configuration was given. */
  config?: string | null;
}

export function machine({ files = {}, symlinks = {}, config = CONFIG, ...change }: Machine = {}): DoctorInput {
  const all: Record<string, string | null> = { ...FILES, ...files };
  const parsed = config === null ? null : parseConfig(config, 'home.yaml');
  if (parsed && 'errors' in parsed) throw new Error('the configuration of the test is invalid');
  return {
    files: {
      read: (path) => all[path] ?? null,
      exists: (path) => (all[path] ?? null) !== null,
      link: (path) => symlinks[path] ?? null,
    },
    loaded: parsed,
    configProblems: [],
    view: view(LINKS),
    features: new Map(LINKS.map(({ ifindex }) => [ifindex, new Set(['rx-gro'])])),
    hooks: [],
    nft: { version: '1.0.6' },
    libraries: { addon: 'loads', libbpf: 'v1.1' },
    ...change,
  };
}

/** "warn eth1: strict: ..."; without the title, which is the same for one check. */
export function lines(check: Check, input: DoctorInput): string[] {
  return check(input).map((finding) => lineOf(finding));
}

export function lineOf({ status, subject, detail }: Finding): string {
  return `${status}${subject === null ? '' : ` ${subject}`}: ${detail}`;
}
