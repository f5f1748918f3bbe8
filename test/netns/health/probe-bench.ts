/** A telemetry source with the real addon and clock whose probes live in a namespace, and what it told. */
import type { ProbeConfig } from '../../../src/config/types.js';
import type {
  ProbeIntent,
  ProbePath,
  ProbeReplySource,
  ProbeSample,
  TelemetryBlind,
  TelemetrySource,
} from '../../../src/controller/ports.js';
import { createTelemetry } from '../../../src/health/index.js';
import { native } from '../../../src/native.js';
import { systemClock } from '../../../src/system-clock.js';
import { until } from '../../helpers/poll.js';

/** Of an active probe: quick, so that tests are. */
export const QUICK = {
  intervalMs: 50,
  timeoutMs: 500,
  failAfter: 3,
  recoverAfter: 3,
  windowSamples: 50,
  quorum: 1,
  limits: {},
};

export class ProbeBench {
  readonly source: TelemetrySource;
  readonly samples: ProbeSample[] = [];
  readonly blinds: TelemetryBlind[] = [];

  /** @param where a namespace's path, or the replies of a data plane in this process's own namespace */
  constructor(where: string | ProbeReplySource) {
    const options = typeof where === 'string' ? { replies: null, netns: where } : { replies: where };
    this.source = createTelemetry({ native, clock: systemClock, random: Math.random, ...options });
    this.source.onSamples((batch) => this.samples.push(...batch));
    this.source.onBlind((blind) => this.blinds.push(blind));
  }

  intent(probe: ProbeConfig, path: ProbePath | null, uplink = 'fibre', reason = ''): ProbeIntent {
    return { uplink, family: path?.source.family ?? 4, probe, path, reason };
  }

  /** Runs one probe by one path until `count` of its outcomes are known, and returns them as text. */
  async outcomes(probe: ProbeConfig, path: ProbePath, count = 3): Promise<string[]> {
    this.samples.length = 0;
    this.source.apply([this.intent(probe, path)]);
    await this.enough(count);
    this.source.apply([]);
    return this.samples.slice(0, count).map(({ outcome }) => (outcome.ok ? 'ok' : outcome.cause));
  }

  enough(count: number): Promise<unknown> {
    return until(() => this.samples.length >= count, { timeoutMs: 60_000, what: `${count} samples` });
  }
}
