/** A loaded BPF program. */
import { closeSync } from 'node:fs';
import { check, deviceExists, lastErrno, libbpf, type Address } from './bindings.js';
import { BpfError } from './errors.js';
import { programInfo, type ProgramInfo } from './info.js';
import { BpfLink, XdpLink } from './link.js';
import { withLibbpfLog } from './log.js';
import { getPinned, pinTo } from './pin.js';

const ENODEV = -19;
const EINVAL = -22;
const BPF_XDP = 37; // enum bpf_attach_type
const XDP_FLAGS_SKB_MODE = 1 << 1;
const XDP_FLAGS_DRV_MODE = 1 << 2;
const LINK_CREATE_OPTIONS_BYTES = 64;
/** What a driver answers that has no native XDP, or not for this MTU, queue set-up or multi-buffer program. */
const NATIVE_REFUSALS = ['EOPNOTSUPP', 'EINVAL', 'ENOMEM', 'ENOTSUPP', 'ERANGE', 'ENOSPC', 'E2BIG', 'EPERM'];

export interface AttachXdpOptions {
  /** 'auto': native, and generic where the driver refuses; `fallbackReason` of the link says why. */
  mode?: 'native' | 'generic' | 'auto';
}

export class BpfProgram {
  readonly name: string;
  /** ELF section: "xdp", "tp_btf/sched_switch"; empty for a program that was opened from a pin. */
  readonly section: string;
  #fd: number;
  readonly #handle: Address;

  /** @internal Use BpfObject.program() or BpfProgram.openPinned(). */
  constructor(fd: number, name: string, section: string, handle: Address) {
    this.#fd = fd;
    this.name = name;
    this.section = section;
    this.#handle = handle;
  }

  static openPinned(path: string): BpfProgram {
    const fd = getPinned(path, 'program');
    try {
      return new BpfProgram(fd, programInfo(fd).name, '', 0);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** @throws BpfError after close(). */
  get fd(): number {
    if (this.#fd < 0)
      throw new BpfError({ call: 'BpfProgram', subject: `program ${this.name}`, advice: 'it is closed' });
    return this.#fd;
  }

  info(): ProgramInfo {
    return programInfo(this.fd);
  }

  /**
   * Attaches an XDP program by a BPF link, so that nobody else's `ip link set xdp` replaces it by mistake.
   * @throws BpfError; EBUSY when another program is there.
   */
  attachXdp(ifindex: number, { mode = 'auto' }: AttachXdpOptions = {}): XdpLink {
    if (mode === 'generic') return this.#createXdpLink(ifindex, 'generic', null);
    try {
      return this.#createXdpLink(ifindex, 'native', null);
    } catch (error) {
      if (mode === 'native' || !(error instanceof BpfError) || !NATIVE_REFUSALS.includes(error.errnoName)) throw error;
      return this.#createXdpLink(ifindex, 'generic', `native mode was refused: ${error.message}`);
    }
  }

  /** Attaches to the hook that the section names (tp_btf/..., fentry/..., raw_tp/..., tracepoint/...). */
  attach(): BpfLink {
    if (this.#handle === 0) {
      throw new BpfError({
        call: 'bpf_program__attach',
        subject: `program ${this.name}`,
        advice: 'only a program of an open object knows its hook',
      });
    }
    const subject = `program ${this.name} (${this.section})`;
    const handle = withLibbpfLog((log) => {
      const link = libbpf().bpf_program__attach(this.#handle);
      if (link !== 0) return link;
      throw new BpfError({ call: 'bpf_program__attach', errno: lastErrno(), subject, libbpfLog: log() });
    });
    return new BpfLink(libbpf().bpf_link__fd(handle), subject, handle);
  }

  pin(path: string): void {
    pinTo(this.fd, path, `program ${this.name}`);
  }

  /** Closes the descriptor of a program from openPinned(); one from an object is closed with the object. */
  close(): void {
    if (this.#fd >= 0 && this.#handle === 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  #createXdpLink(ifindex: number, mode: 'native' | 'generic', fallbackReason: string | null): XdpLink {
    const options = Buffer.alloc(LINK_CREATE_OPTIONS_BYTES); // struct bpf_link_create_opts: size_t sz; u32 flags; ...
    options.writeBigUInt64LE(BigInt(LINK_CREATE_OPTIONS_BYTES), 0);
    options.writeUInt32LE(mode === 'native' ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE, 8);
    const subject = `program ${this.name} on ifindex ${ifindex}, ${mode} mode`;
    const fd = libbpf().bpf_link_create(this.fd, ifindex, BPF_XDP, options);
    // The kernel says EINVAL for a missing device, as for much else.
    check(fd === EINVAL && !deviceExists(ifindex) ? ENODEV : fd, 'bpf_link_create', subject);
    return new XdpLink(fd, subject, ifindex, mode, fallbackReason);
  }
}
