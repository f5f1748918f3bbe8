/**
 * The TelemetrySource: turns the wanted probes into running ones, one monitor for each target of each probe of each
 * path, and their outcomes into batches of samples. Monitors that stay keep their state; those that go free everything.
 */
import { randomBytes } from 'node:crypto';
import type { Clock, ProbeIntent, ProbeReplySource, TelemetrySource } from '../controller/ports.js';
import { targetsOf } from '../config/target-key.js';
import { REALTIME_PRIORITY, type NativeAddon } from '../native.js';
import type { ActiveCounters } from './active/runner.js';
import { BlindReporter } from './blind-reporter.js';
import { IcmpProber } from './icmp/icmp-prober.js';
import { SampleSink, TargetReporter } from './reporting.js';
import { type MonitorDependencies, TargetMonitor } from './target-monitor.js';

export interface TelemetryOptions {
  native: Pick<NativeAddon, 'createProber' | 'createIcmpReceiver' | 'openPathSocket'>;
  /** Replies as timed by XDP; null: there is no XDP program, all replies come by sockets. */
  replies: ProbeReplySource | null;
  clock: Clock;
  /** Uniform in [0, 1); Math.random. */
  random: () => number;
  /** Network namespace file in which all probes are sent; absent: the current one. For tests and the lab. */
  netns?: string;
  /** SCHED_FIFO priority of the transmitter where allowed; 0: ordinary scheduling. */
  realtimePriority?: number;
}

const COOKIE_KEY_BYTES = 16;

/**
 * Starts the probe transmitter; nothing is sent before apply().
 * @throws NativeError if the transmitter is refused (EPERM: CAP_NET_RAW is missing)
 */
export function createTelemetry(options: TelemetryOptions): TelemetrySource {
  const { native, replies, clock, random, netns } = options;
  const sink = new SampleSink();
  const blind = new BlindReporter();
  const counters: ActiveCounters = { activeStarted: 0, activeSucceeded: 0, activeFailed: 0, activeUnjudged: 0 };
  const icmp = new IcmpProber({
    native,
    replies,
    cookieKey: replies?.cookieKey ?? randomBytes(COOKIE_KEY_BYTES),
    clock,
    random,
    netns,
    realtimePriority: options.realtimePriority ?? REALTIME_PRIORITY,
    onBlind: blind.report,
    flush: () => sink.flush(),
  });
  const deps: MonitorDependencies = { native, netns, clock, random, counters, icmp, onBlind: blind.report };
  const monitors = new Map<string, TargetMonitor>();

  function apply(probes: readonly ProbeIntent[]): void {
    const wanted = new Set<string>();
    for (const intent of probes) {
      for (const target of targetsOf(intent.probe, intent.family)) {
        const identity = { uplink: intent.uplink, family: intent.family, probe: intent.probe.name, target: target.key };
        const key = JSON.stringify([identity, intent.probe.type]);
        wanted.add(key);
        let monitor = monitors.get(key);
        if (monitor === undefined) {
          monitor = new TargetMonitor(deps, new TargetReporter(identity, sink, intent.probe.windowSamples));
          monitors.set(key, monitor);
        }
        monitor.configure(intent, target);
      }
    }
    for (const [key, monitor] of monitors) {
      if (wanted.has(key)) continue;
      monitor.close();
      monitors.delete(key);
    }
  }

  return {
    apply,
    onSamples: (callback) => sink.onSamples(callback),
    onBlind: (callback) => blind.onBlind(callback),
    statistics: () => ({ ...icmp.statistics(), ...counters, blindWindows: blind.windows }),
    close: () => {
      apply([]);
      icmp.close();
      return Promise.resolve();
    },
  };
}
