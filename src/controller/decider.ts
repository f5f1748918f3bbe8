/**
 * Holds the engine's state and time: gives it events, wakes it at its deadlines, hands its actions on, in order.
 */
import { initialState, nextDeadlineUs, step } from '../engine/index.js';
import type { EngineState } from '../engine/index.js';
import type { EngineAction, EngineEvent } from '../engine/types.js';
import type { Clock } from './ports.js';

/** Every event with its time, for a trace that can be replayed. */
export type Recorder = (event: EngineEvent, nowUs: number) => void;

export class Decider {
  readonly #clock: Clock;
  readonly #execute: (actions: readonly EngineAction[]) => void;
  readonly #recorder: Recorder | null;
  #state: EngineState = initialState();
  #cancelTimer: (() => void) | null = null;
  #timerAtUs: number | null = null;
  #closed = false;

  constructor(clock: Clock, execute: (actions: readonly EngineAction[]) => void, recorder: Recorder | null = null) {
    this.#clock = clock;
    this.#execute = execute;
    this.#recorder = recorder;
  }

  get state(): EngineState {
    return this.#state;
  }

  dispatch(event: EngineEvent): void {
    if (this.#closed) return;
    const nowUs = this.#clock.nowUs();
    this.#recorder?.(event, nowUs);
    const { state, actions } = step(this.#state, event, nowUs);
    this.#state = state;
    if (actions.length > 0) this.#execute(actions);
    this.#arm();
  }

  #arm(): void {
    const atUs = nextDeadlineUs(this.#state);
    if (atUs === this.#timerAtUs) return;
    this.#cancelTimer?.();
    this.#timerAtUs = atUs;
    this.#cancelTimer =
      atUs === null
        ? null
        : this.#clock.at(atUs, () => {
            this.#timerAtUs = null;
            this.dispatch({ type: 'tick' });
          });
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
  }
}
