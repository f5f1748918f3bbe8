/** Errors of libbpf and of the bpf() system call, in words that say what to do. */
import { constants } from 'node:os';

/** enum libbpf_errno: 4000 and up. */
const LIBBPF_ERRNO = [
  'START',
  'LIBELF',
  'FORMAT',
  'KVERSION',
  'ENDIAN',
  'INTERNAL',
  'RELOC',
  'LOAD',
  'VERIFY',
  'PROG2BIG',
  'KVER',
  'PROGTYPE',
  'WRNGPID',
  'INVSEQ',
  'NLPARSE',
];

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
// Not in Node's table.
ERRNO_NAMES.set(524, 'ENOTSUPP');
ERRNO_NAMES.set(126, 'ENOKEY');
ERRNO_NAMES.set(constants.errno.EAGAIN, 'EAGAIN');

/** "EPERM" for 1 or -1; "LIBBPF_ERRNO__FORMAT" for 4002. */
export function errnoName(errno: number): string {
  const number = Math.abs(errno);
  const own = LIBBPF_ERRNO[number - 4000];
  return own ? `LIBBPF_ERRNO__${own}` : (ERRNO_NAMES.get(number) ?? `errno ${number}`);
}

/** For people, of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export interface BpfErrorDetails {
  /** The libbpf function or system call that failed: "bpf_object__load". */
  call: string;
  /** Positive or negative errno; 0 when nothing was called (a fault of the caller). */
  errno?: number;
  /** What it was about: "program count", "map packets in /sys/fs/bpf/x". */
  subject?: string;
  /** What to do; without it, the usual remedy for this errno and call. */
  advice?: string;
  verifierLog?: string;
  libbpfLog?: string;
}

const VERIFIER_TAIL_LINES = 12;

/**
 * `message` is complete for people: errno, call, subject, remedy and the end of the verifier's log.
 * The whole logs are in `verifierLog` and `libbpfLog` (empty when there was none).
 */
export class BpfError extends Error {
  readonly errnoName: string;
  /** Positive; 0: no system call failed. */
  readonly errno: number;
  readonly call: string;
  readonly verifierLog: string;
  readonly libbpfLog: string;

  constructor(details: BpfErrorDetails) {
    const errno = Math.abs(details.errno ?? 0);
    const name = errno === 0 ? 'EINVAL' : errnoName(errno);
    const advice = details.advice ?? usualRemedy(name, details);
    const headline = [name, details.call, details.subject, advice].filter(Boolean).join(': ');
    super([headline, ...logSummary(details)].join('\n'));
    this.name = 'BpfError';
    this.errnoName = name;
    this.errno = errno;
    this.call = details.call;
    this.verifierLog = details.verifierLog ?? '';
    this.libbpfLog = details.libbpfLog ?? '';
  }
}

/** The last lines of the verifier's log: it ends with the reason and the instruction; else libbpf's own warnings. */
function logSummary(details: BpfErrorDetails): string[] {
  const lines = (details.verifierLog ?? '').split('\n').filter((line) => line.trim() !== '');
  if (lines.length > 0) {
    // "processed N insns ..." is statistics, not a reason.
    const useful = lines.filter((line) => !line.startsWith('processed '));
    const tail = useful.slice(-VERIFIER_TAIL_LINES);
    const hidden = useful.length - tail.length;
    return [`verifier log${hidden > 0 ? ` (last ${tail.length} of ${useful.length} lines)` : ''}:`, ...indent(tail)];
  }
  const warnings = (details.libbpfLog ?? '').split('\n').filter((line) => line.trim() !== '');
  return warnings.length > 0 ? ['libbpf:', ...indent(warnings.slice(-VERIFIER_TAIL_LINES))] : [];
}

function indent(lines: string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function usualRemedy(name: string, { call, verifierLog }: BpfErrorDetails): string {
  if (verifierLog && call === 'bpf_object__load') return 'the verifier rejected the program';
  switch (name) {
    case 'EPERM':
      return call === 'bpf_obj_pin' || call === 'bpf_obj_get'
        ? 'the directory must be on a mounted bpffs and writable (run as root; mount -t bpf bpf /sys/fs/bpf)'
        : call === 'bpf_object__load'
          ? 'loading needs CAP_BPF and CAP_NET_ADMIN (run as root)'
          : 'this needs CAP_BPF, and CAP_NET_ADMIN or CAP_PERFMON by the kind of program (run as root)';
    case 'ENOENT':
      return 'there is no such file, object or element';
    case 'EEXIST':
      return call === 'bpf_link_create'
        ? 'another XDP program is attached there in another mode; detach it first (ip link set dev ... xdp off)'
        : 'it exists already';
    case 'E2BIG':
      return 'the map is full (set a larger max_entries before load) or the argument is larger than this kernel knows';
    case 'ENODEV':
      return 'there is no such network device (in this network namespace)';
    case 'EBUSY':
      return 'another XDP program is attached there; detach it first (ip link set dev ... xdp off)';
    case 'EOPNOTSUPP':
      return 'the driver or this kernel does not support it';
    case 'ENOMEM':
      return 'not enough memory, or an XDP buffer limit of the driver (a smaller MTU helps)';
    case 'LIBBPF_ERRNO__FORMAT':
    case 'LIBBPF_ERRNO__LIBELF':
      return 'not a BPF object file (compile with clang -target bpf -g)';
    case 'ESRCH':
      return "not found in the kernel's BTF (/sys/kernel/btf/vmlinux)";
    default:
      return '';
  }
}
