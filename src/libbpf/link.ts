/** The attachment of a program to a hook: exists while a descriptor or a pin holds it. */
import { closeSync, unlinkSync } from 'node:fs';
import { check, libbpf, type Address } from './bindings.js';
import { BpfError } from './errors.js';
import { linkInfo, type LinkInfo } from './info.js';
import { getPinned, pinTo } from './pin.js';

const ENOENT = -2;

/** null: there is none after it. */
function nextLinkId(id: number): number | null {
  const next = Buffer.alloc(4);
  const result = libbpf().bpf_link_get_next_id(id, next);
  if (result === ENOENT) return null;
  check(result, 'bpf_link_get_next_id', `after link ${id}`);
  return next.readUInt32LE(0);
}

export class BpfLink {
  #fd: number;
  #handle: Address;
  readonly #subject: string;

  /** @internal `handle`: a struct bpf_link that owns the descriptor, or 0. */
  constructor(fd: number, subject: string, handle: Address = 0) {
    this.#fd = fd;
    this.#handle = handle;
    this.#subject = subject;
  }

  /** @throws BpfError when `path` is not there (ENOENT) or not a link (EINVAL). */
  static openPinned(path: string): BpfLink {
    return new BpfLink(getPinned(path, 'link'), `link ${path}`);
  }

  /**
   * The link by which a program is attached to a device of this network namespace, whoever holds it; null: it is
   * attached without one (netlink). The program's id (see queryXdp) tells devices of the same number in other namespaces
   * apart, as far as each has a program of its own.
   * @throws BpfError EPERM without CAP_SYS_ADMIN
   */
  static findXdp(ifindex: number, programId: number): BpfLink | null {
    for (let id = nextLinkId(0); id !== null; id = nextLinkId(id)) {
      const fd = libbpf().bpf_link_get_fd_by_id(id);
      // It may be gone by now.
      if (fd === ENOENT) continue;
      const link = new BpfLink(check(fd, 'bpf_link_get_fd_by_id', `link ${id}`), `link ${id}`);
      const info = link.info();
      if (info.ifindex === ifindex && info.programId === programId) return link;
      link.close();
    }
    return null;
  }

  /** @throws BpfError after close(). */
  get fd(): number {
    if (this.#fd < 0) throw new BpfError({ call: 'BpfLink', subject: this.#subject, advice: 'it is closed' });
    return this.#fd;
  }

  /** For XDP links `ifindex` is 0 once the device is gone: such a link is dead for ever. */
  info(): LinkInfo {
    return linkInfo(this.fd);
  }

  /** Pins the link: it stays attached after this process. `path` must be on a bpffs and not exist. */
  pin(path: string): void {
    pinTo(this.fd, path, this.#subject);
  }

  /** Removes a pin; the program stays attached while this object is open. */
  unpin(path: string): void {
    unlinkSync(path);
  }

  /** Replaces the program atomically: no packet meets the hook without one. */
  update(program: { readonly fd: number }): void {
    check(libbpf().bpf_link_update(this.fd, program.fd, null), 'bpf_link_update', this.#subject);
  }

  /** Detaches now, even if the link is pinned or open elsewhere; what remains of it is an empty shell. */
  detach(): void {
    check(libbpf().bpf_link_detach(this.fd), 'bpf_link_detach', this.#subject);
  }

  /** Closes the handle. The program is detached unless the link is pinned or open elsewhere. */
  close(): void {
    if (this.#fd < 0) return;
    if (this.#handle) check(libbpf().bpf_link__destroy(this.#handle), 'bpf_link__destroy', this.#subject);
    else closeSync(this.#fd);
    this.#fd = -1;
    this.#handle = 0;
  }
}

export class XdpLink extends BpfLink {
  constructor(
    fd: number,
    subject: string,
    readonly ifindex: number,
    /** The mode in force. */
    readonly mode: 'native' | 'generic',
    /** Why native mode was refused, when 'auto' fell back to generic; otherwise null. */
    readonly fallbackReason: string | null,
  ) {
    super(fd, subject);
  }
}
