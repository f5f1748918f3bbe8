/**
 * Whether a device takes redirected frames, found by trying: kernels before 6.3 do not say, and a device without
 * ndo_xdp_xmit makes every redirected frame vanish.
 *
 * The kernel asks three things of a redirect, in this order (__xdp_enqueue, kernel/bpf/devmap.c): has the device
 * ndo_xdp_xmit (else EOPNOTSUPP), is it up (ENETDOWN), does the frame fit (EMSGSIZE). So a frame that is too long for the
 * device gives the answer and never leaves. Only a port with a jumbo MTU sends it, once: its EtherType is the one for
 * local experiments (IEEE 802, 0x88b5), and as it goes to its own source address, no bridge carries it on.
 */
import { fileURLToPath } from 'node:url';
import { BpfObject, type BpfLink } from '../libbpf/index.js';
import type { NativeAddon } from '../native.js';

const OBJECT_FILE = fileURLToPath(new URL('../../build/bpf/redirect_trial.bpf.o', import.meta.url));
const EOPNOTSUPP = 95;
/** Every namespace's first device; as the ingress it only has to exist. */
const LOOPBACK_IFINDEX = 1;
/** Close to what a test run takes (a page without headroom and tailroom): too long for an MTU below 2982 bytes. */
const FRAME_BYTES = 3000;

/** Locally administered, both source and destination. */
const TRIAL_MAC = [0x02, 0x64, 0x65, 0x74, 0x6f, 0x75];
const TRIAL_FRAME = Buffer.alloc(FRAME_BYTES);
TRIAL_FRAME.set([...TRIAL_MAC, ...TRIAL_MAC, 0x88, 0xb5]);

export type RedirectAnswer = 'taken' | 'refused';

export class RedirectTrial {
  readonly #object: BpfObject;
  readonly #native: NativeAddon;
  readonly #hearing: BpfLink;

  /** Needs CAP_BPF, CAP_NET_ADMIN and, for the tracepoint, CAP_PERFMON. @throws BpfError */
  static open(native: NativeAddon): RedirectTrial {
    const object = BpfObject.open(OBJECT_FILE).load();
    try {
      return new RedirectTrial(object, native);
    } catch (error) {
      object.close();
      throw error;
    }
  }

  private constructor(object: BpfObject, native: NativeAddon) {
    this.#object = object;
    this.#native = native;
    this.#hearing = object.program('hear_refusal').attach();
  }

  /** Asks about one device of the current network namespace. @throws BpfError, NativeError */
  async ask(ifindex: number): Promise<RedirectAnswer> {
    const target = this.#object.map<number, number>('target');
    const trial = this.#object.map<number, { map_id: number; error: number }>('trial');
    target.set(0, ifindex);
    trial.set(0, { map_id: target.info().id, error: 0 });
    await this.#native.runLiveFrames({
      programFd: this.#object.program('try_redirect').fd,
      frame: TRIAL_FRAME,
      ifindex: LOOPBACK_IFINDEX,
      repeat: 1,
      batchSize: 1,
      cpu: -1,
    });
    return trial.get(0)?.error === -EOPNOTSUPP ? 'refused' : 'taken';
  }

  close(): void {
    this.#hearing.close();
    this.#object.close();
  }
}
