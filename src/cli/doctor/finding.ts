/** What a check says, and what it looks at. */
import type { LoadedConfig } from '../../config/load.js';
import type { KernelLink, KernelView, NetfilterHook } from '../../controller/ports.js';

/** `skip`: it could not be found out; the detail says why. */
export type FindingStatus = 'ok' | 'warn' | 'fail' | 'skip';
export type Section = 'machine' | 'network' | 'interface' | 'configuration';

export interface Finding {
  /** Stable: "kernel-version". */
  id: string;
  section: Section;
  /** Interface or uplink that it is about; null: the machine. */
  subject: string | null;
  title: string;
  status: FindingStatus;
  /** What was found, with figures. */
  detail: string;
  /** What to do; null where nothing has to be done. */
  remedy: string | null;
}

export interface Unknown {
  /** Why it could not be found out. */
  unknown: string;
}

export interface Files {
  /** null: not there, or not readable. */
  read(path: string): string | null;
  exists(path: string): boolean;
  /** Where a symbolic link points to; null: it is none. */
  link(path: string): string | null;
}

/** Everything that checks look at, gathered before: checks themselves do no I/O but reading files. */
export interface DoctorInput {
  files: Files;
  /** null: no configuration was given, or it is invalid. */
  loaded: LoadedConfig | null;
  /** What is wrong with the configuration, one line each. */
  configProblems: readonly string[];
  view: KernelView | Unknown;
  /** Names of the active ethtool features by ifindex. */
  features: ReadonlyMap<number, ReadonlySet<string>> | Unknown;
  /** Rules of netfilter that forwarded packets go through. */
  hooks: readonly NetfilterHook[] | Unknown;
  /** The program nft; version null: it does not start, and why. */
  nft: { version: string } | { version: null; problem: string } | Unknown;
  /** What the native addon and libbpf say of themselves. */
  libraries: { addon: string | Unknown; libbpf: string | Unknown };
}

export type Check = (input: DoctorInput) => Finding[];

export function isUnknown(value: unknown): value is Unknown {
  return typeof value === 'object' && value !== null && 'unknown' in value;
}

type Verdict = Pick<Finding, 'status' | 'detail'> & { remedy?: string };

/** Makes the findings of one check: `const report = reporter('jit', 'machine', 'BPF compiler')`. */
export function reporter(id: string, section: Section, title: string) {
  return ({ status, detail, remedy }: Verdict, subject: string | null = null): Finding => ({
    id,
    section,
    subject,
    title,
    status,
    detail,
    remedy: remedy ?? null,
  });
}

export interface Subject {
  link: KernelLink;
  /** Name of the uplink that leaves by it; null: none, or no configuration was given. */
  uplink: string | null;
}

/** The interfaces to look at: those of the configuration, else all but the loopback. */
export function subjects(input: DoctorInput): Subject[] {
  if (isUnknown(input.view)) return [];
  const links = [...input.view.links.values()];
  if (!input.loaded) return links.filter(({ name }) => name !== 'lo').map((link) => ({ link, uplink: null }));
  const { uplinks, interfaces } = input.loaded.config;
  const wanted = new Map<string, string | null>([
    ...interfaces.map(({ name }) => [name, null] as const),
    ...uplinks.map((uplink) => [uplink.interface, uplink.name] as const),
  ]);
  return links.filter(({ name }) => wanted.has(name)).map((link) => ({ link, uplink: wanted.get(link.name) ?? null }));
}
