/** Completes the ports of an intent with what the kernel did not say, asking about each device once. */
import type { PortIntent, PortStatus } from '../controller/ports.js';
import { messageOf } from '../errors.js';
import type { NativeAddon } from '../native.js';
import { RedirectTrial, type RedirectAnswer } from './redirect-trial.js';

const REFUSED = 'takes no redirected frames (no ndo_xdp_xmit): packets to it go through the stack';

type OpenTrial = (native: NativeAddon) => Pick<RedirectTrial, 'ask' | 'close'>;
type Answer = RedirectAnswer | { unknown: string };

export class RedirectCapability {
  readonly #native: NativeAddon;
  readonly #open: OpenTrial;
  #answers = new Map<string, Answer>();

  constructor(native: NativeAddon, open: OpenTrial = (addon) => RedirectTrial.open(addon)) {
    this.#native = native;
    this.#open = open;
  }

  /** The same ports; those that refuse have `redirectOk` false. Forgets devices that are no ports any more. */
  async complete(ports: readonly PortIntent[]): Promise<PortIntent[]> {
    const untold = ports.filter(({ redirectOk, redirectUntold }) => redirectOk && redirectUntold);
    const fresh = untold.filter((port) => !this.#answers.has(keyOf(port)));
    if (fresh.length > 0) await this.#ask(fresh);
    const known = new Set(ports.map(keyOf));
    this.#answers = new Map([...this.#answers].filter(([key]) => known.has(key)));
    return ports.map((port) => (this.#answers.get(keyOf(port)) === 'refused' ? { ...port, redirectOk: false } : port));
  }

  /** The status of a port, with what was found out about it. */
  explain(status: PortStatus): PortStatus {
    const answer = this.#answers.get(keyOf(status));
    if (answer === undefined || answer === 'taken') return status;
    const reasons = status.reason === null ? [] : [status.reason];
    if (answer === 'refused') {
      return { ...status, reason: [...reasons, `${status.name} ${REFUSED}`].join('; '), redirectRefused: true };
    }
    const unknown = `whether ${status.name} takes redirected frames is not known: ${answer.unknown}`;
    return { ...status, reason: [...reasons, unknown].join('; ') };
  }

  async #ask(ports: readonly PortIntent[]): Promise<void> {
    let trial: Pick<RedirectTrial, 'ask' | 'close'> | null = null;
    try {
      trial = this.#open(this.#native);
      for (const port of ports) this.#answers.set(keyOf(port), await trial.ask(port.ifindex));
    } catch (error) {
      // No right to trace, or a kernel without test runs: that is no reason not to forward.
      const unknown = messageOf(error);
      for (const port of ports) {
        if (!this.#answers.has(keyOf(port))) this.#answers.set(keyOf(port), { unknown });
      }
    } finally {
      trial?.close();
    }
  }
}

/** An index may be another device's by now. */
const keyOf = ({ ifindex, name }: { ifindex: number; name: string }): string => `${ifindex}/${name}`;
