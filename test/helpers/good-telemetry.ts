/** A telemetry source that sends nothing and finds every path good. */
import { targetsOf } from '../../src/config/target-key.js';
import type { ProbeIntent, ProbeSample, TelemetrySource } from '../../src/controller/ports.js';

const RTT_US = 1000;

export class GoodTelemetry implements TelemetrySource {
  #listener: (samples: readonly ProbeSample[]) => void = () => undefined;
  /** What the controller asked for last. */
  intents: readonly ProbeIntent[] = [];
  /** Says nothing of any path by itself. */
  silent = false;

  apply(probes: readonly ProbeIntent[]): void {
    this.intents = probes;
    setImmediate(() => {
      if (!this.silent) this.answer();
    });
  }

  /** As many replies of every target as a recovery needs. */
  answer(): void {
    for (const { uplink, family, probe, path } of this.intents) {
      if (path === null) continue;
      for (let n = 1; n <= probe.recoverAfter; n++) {
        const window = { samples: n, lossPercent: 0, latencyUs: RTT_US, jitterUs: 0 };
        const outcome = { ok: true as const, rttUs: RTT_US };
        this.#listener(
          targetsOf(probe, family).map(({ key }) => ({
            uplink,
            family,
            probe: probe.name,
            target: key,
            outcome,
            window,
          })),
        );
      }
    }
  }

  onSamples(callback: (samples: readonly ProbeSample[]) => void): void {
    this.#listener = callback;
  }

  onBlind(): void {
    // Never.
  }

  statistics(): Record<string, number> {
    return {};
  }

  close(): Promise<void> {
    this.intents = [];
    return Promise.resolve();
  }
}
