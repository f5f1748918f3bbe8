/**
 * From outcomes to samples: every target has a reporter, which keeps its sliding window; the sink collects what one
 * turn of work found and delivers it as one batch.
 */
import type { ProbeSample } from '../controller/ports.js';
import type { Family } from '../net/ip-address.js';
import { SlidingWindow } from './estimators/sliding-window.js';

export type ProbeOutcome = ProbeSample['outcome'];

/** Collects samples until `flush()`. */
export class SampleSink {
  #callbacks: ((samples: readonly ProbeSample[]) => void)[] = [];
  #batch: ProbeSample[] = [];

  onSamples(callback: (samples: readonly ProbeSample[]) => void): void {
    this.#callbacks.push(callback);
  }

  add(sample: ProbeSample): void {
    this.#batch.push(sample);
  }

  flush(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    for (const callback of this.#callbacks) callback(batch);
  }
}

/** Who a sample is about. */
export interface TargetIdentity {
  uplink: string;
  family: Family;
  probe: string;
  target: string;
}

export class TargetReporter {
  #window: SlidingWindow;

  constructor(
    readonly identity: TargetIdentity,
    readonly sink: SampleSink,
    windowSamples: number,
  ) {
    this.#window = new SlidingWindow(windowSamples);
  }

  /** A window of another size starts empty. */
  resize(windowSamples: number): void {
    if (windowSamples !== this.#window.capacity) this.#window = new SlidingWindow(windowSamples);
  }

  /** Adds to the batch; the caller flushes the sink when its turn of work is done. */
  report(outcome: ProbeOutcome): void {
    if (outcome.ok) this.#window.addReply(outcome.rttUs);
    else this.#window.addLoss();
    this.sink.add({ ...this.identity, outcome, window: this.#window.statistics() });
  }
}
