/** A telemetry source in a virtual world, new for every test of a file, with what it told. */
import { beforeEach } from 'vitest';
import type { ProbeIntent, ProbeSample, TelemetryBlind, TelemetrySource } from '../../src/controller/ports.js';
import { createTelemetry } from '../../src/health/index.js';
import { icmpIntent, icmpProbe } from './probe-intents.js';
import { type PathModel, VirtualWorld } from './virtual-world.js';

/** Microseconds of a millisecond. */
export const MS = 1000;
/** The target of `icmpProbe()`. */
export const target = '198.51.100.1';

export interface SeenSample extends ProbeSample {
  atUs: number;
}

export class VirtualTelemetry {
  readonly world = new VirtualWorld();
  readonly source: TelemetrySource;
  samples: SeenSample[] = [];
  readonly blinds: TelemetryBlind[] = [];

  constructor() {
    const { native, replies, clock } = this.world;
    let seed = 1;
    const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
    this.source = createTelemetry({ native, replies, clock, random });
    this.source.onSamples((batch) =>
      this.samples.push(...batch.map((sample) => ({ ...sample, atUs: this.world.now }))),
    );
    this.source.onBlind((blind) => this.blinds.push(blind));
  }

  get losses(): SeenSample[] {
    return this.samples.filter(({ outcome }) => !outcome.ok);
  }

  get onlySession(): number {
    return [...this.world.streams.keys()][0]!;
  }

  counter(name: string): number {
    return this.source.statistics()[name] ?? Number.NaN;
  }

  /** Applies, and lets the path be good for a second. */
  settle(intent: ProbeIntent = icmpIntent(icmpProbe())): void {
    this.world.path(target, answers(3 * MS));
    this.source.apply([intent]);
    this.world.run(1000 * MS);
  }
}

/** Call once in a test file; the returned function gives the current test's. */
export function useVirtualTelemetry(): () => VirtualTelemetry {
  let current: VirtualTelemetry;
  beforeEach(() => {
    current = new VirtualTelemetry();
  });
  return () => current;
}

export const answers =
  (delayUs: number): PathModel =>
  () => ({ delayUs });

export const cause = ({ outcome }: ProbeSample): string => (outcome.ok ? 'ok' : outcome.cause);
