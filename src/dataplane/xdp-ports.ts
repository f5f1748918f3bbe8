/** The XDP program on its ports: a pinned link each, so that it stays when the controller dies. */
import type { PortIntent, PortStatus } from '../controller/ports.js';
import { BpfError, BpfLink, queryXdp, type BpfProgram, type XdpLink } from '../libbpf/index.js';
import { evictOwn, holderOf } from './xdp-holder.js';
import type { WriteCounter } from './kernel-map.js';
import type { PinDirectory } from './pins.js';

export type XdpMode = 'auto' | 'native' | 'generic';

interface Attached {
  link: BpfLink;
  mode: 'native' | 'generic';
  reason: string | null;
}

export class XdpPorts {
  readonly #program: BpfProgram;
  readonly #programId: number;
  readonly #pins: PinDirectory;
  readonly #mode: XdpMode;
  readonly #counter: WriteCounter;
  readonly #attached = new Map<number, Attached>();

  constructor(program: BpfProgram, pins: PinDirectory, mode: XdpMode, counter: WriteCounter) {
    this.#program = program;
    this.#programId = program.info().id;
    this.#pins = pins;
    this.#mode = mode;
    this.#counter = counter;
  }

  /** Attaches where the program is missing, and replaces an older program without a gap. */
  publish(ports: readonly PortIntent[]): { statuses: PortStatus[]; problems: string[] } {
    const problems: string[] = [];
    const statuses = ports.map(({ ifindex, name }): PortStatus => {
      try {
        const { mode, reason } = this.#ensure(ifindex);
        return { ifindex, name, xdp: mode, reason };
      } catch (error) {
        if (!(error instanceof BpfError)) throw error;
        const holder = holderOf(ifindex, name);
        const reason = holder ?? `${error.message}; forwarded by the stack`;
        problems.push(holder ?? `${name}: ${error.message}`);
        return { ifindex, name, xdp: 'none', reason };
      }
    });
    return { statuses, problems };
  }

  /** Detaches from devices that are no ports any more, also those of an earlier process. */
  retire(ports: readonly PortIntent[]): void {
    const wanted = new Set(ports.map(({ ifindex }) => ifindex));
    for (const ifindex of this.#pins.links()) {
      if (wanted.has(ifindex)) continue;
      this.#forget(ifindex);
      this.#pins.removeLink(ifindex);
      this.#counter.count++;
    }
  }

  /** Closes the handles; the pins keep the program attached. */
  close(): void {
    for (const ifindex of [...this.#attached.keys()]) this.#forget(ifindex);
  }

  #ensure(ifindex: number): Attached {
    const present = this.#attached.get(ifindex) ?? this.#takeOver(ifindex);
    if (present && this.#isUsable(present, ifindex)) {
      this.#bringUpToDate(present);
      return present;
    }
    if (present) {
      this.#forget(ifindex);
      this.#pins.removeLink(ifindex);
    }
    return this.#attach(ifindex);
  }

  #attach(ifindex: number): Attached {
    const link = this.#create(ifindex);
    try {
      link.pin(this.#pins.linkPath(ifindex));
    } catch (error) {
      link.close();
      throw error;
    }
    this.#counter.count++;
    const attached = { link, mode: link.mode, reason: link.fallbackReason };
    this.#attached.set(ifindex, attached);
    return attached;
  }

  #create(ifindex: number): XdpLink {
    try {
      return this.#program.attachXdp(ifindex, { mode: this.#mode });
    } catch (error) {
      // EBUSY: a program by a link; EEXIST: one in the other mode.
      const taken = error instanceof BpfError && ['EBUSY', 'EEXIST'].includes(error.errnoName);
      if (!taken || !evictOwn(ifindex)) throw error;
      return this.#program.attachXdp(ifindex, { mode: this.#mode });
    }
  }

  /** The link of an earlier process. */
  #takeOver(ifindex: number): Attached | null {
    const path = this.#pins.linkPath(ifindex);
    if (!this.#pins.has(path)) return null;
    const link = BpfLink.openPinned(path);
    const generic = queryXdp(ifindex).mode === 'generic';
    const attached: Attached = {
      link,
      mode: generic ? 'generic' : 'native',
      reason: generic && this.#mode === 'auto' ? 'attached in generic mode by an earlier run' : null,
    };
    this.#attached.set(ifindex, attached);
    return attached;
  }

  /** A link dies with its device (ifindex 0); the number may be another device's by now. */
  #isUsable({ link, mode }: Attached, ifindex: number): boolean {
    return link.info().ifindex === ifindex && (this.#mode === 'auto' || this.#mode === mode);
  }

  #bringUpToDate({ link }: Attached): void {
    if (link.info().programId === this.#programId) return;
    link.update(this.#program);
    this.#counter.count++;
  }

  #forget(ifindex: number): void {
    this.#attached.get(ifindex)?.link.close();
    this.#attached.delete(ifindex);
  }
}
