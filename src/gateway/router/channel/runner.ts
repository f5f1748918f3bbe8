/** The pure machine at work: one event at a time, its deadline on the clock, its actions in the hands of the channel. */
import type { Clock } from '../../../controller/ports.js';
import { nextDeadlineUs, step, type RouterState } from '../machine.js';
import type { RouterAction, RouterEvent } from '../types.js';
import { Outbox } from './outbox.js';

export interface RunnerHost {
  /** Must not throw. May dispatch; what listeners outside are told goes by the outbox. */
  act(action: RouterAction): void;
  /** Somebody's answer is waited for, or not (any more). */
  setUrgent(urgent: boolean): void;
  /** Nobody has a lease and users' traffic needs nobody, or not (any more) so. */
  setCalm(calm: boolean): void;
}

export class MachineRunner {
  readonly outbox = new Outbox();
  readonly #clock: Clock;
  readonly #host: RunnerHost;
  #state: RouterState;
  #urgent = false;
  #calm = false;
  #timer: { atUs: number; cancel: () => void } | null = null;
  #onQuiet: (() => void) | null = null;
  #closed = false;

  constructor(state: RouterState, clock: Clock, host: RunnerHost) {
    this.#state = state;
    this.#clock = clock;
    this.#host = host;
  }

  get state(): RouterState {
    return this.#state;
  }

  dispatch(event: RouterEvent): void {
    if (this.#closed) return;
    const { state, actions } = step(this.#state, event, this.#clock.nowUs());
    const before = this.#state;
    const idle = actions.length === 0 && state.deadlineUs === before.deadlineUs && state.need === before.need;
    this.#state = state;
    for (const action of actions) this.#host.act(action);
    // Most messages say nothing new: nobody is looked at for them.
    if (!idle) {
      this.#tellPace();
      this.#planTick();
    }
    if (this.#onQuiet && this.#isQuiet()) this.#onQuiet();
    this.outbox.deliver();
  }

  /** Until nobody holds a lease, or the time is over. */
  async quiet(waitUs: number): Promise<void> {
    if (this.#isQuiet()) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.at(this.#clock.nowUs() + waitUs, resolve);
      this.#onQuiet = () => {
        cancel();
        resolve();
      };
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #isQuiet(): boolean {
    return [...this.#state.nodes.values()].every(({ lease }) => lease === null);
  }

  #tellPace(): void {
    const { nodes, need } = this.#state;
    let urgent = false;
    let calm = need?.active.length === 0;
    for (const { pending, lease } of nodes.values()) {
      urgent ||= pending !== null;
      calm &&= lease === null;
    }
    if (calm !== this.#calm) this.#host.setCalm((this.#calm = calm));
    if (urgent !== this.#urgent) this.#host.setUrgent((this.#urgent = urgent));
  }

  #planTick(): void {
    const atUs = nextDeadlineUs(this.#state);
    if (atUs === (this.#timer?.atUs ?? null)) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (atUs === null || this.#closed) return;
    const cancel = this.#clock.at(atUs, () => {
      this.#timer = null;
      this.dispatch({ type: 'tick' });
      this.#planTick();
    });
    this.#timer = { atUs, cancel };
  }
}
