/**
 * What one target of one probe by one path is doing now: an ICMP session, an active probe, or standing still for a
 * reason. Reconciles: told the same twice, it changes nothing.
 */
import type { Clock, ProbeIntent, ProbePath } from '../controller/ports.js';
import type { ProbeTarget } from '../config/target-key.js';
import { messageOf } from '../errors.js';
import type { IpAddress } from '../net/ip-address.js';
import { activeProbe } from './active/active-probe.js';
import type { PathConnector } from './active/path-connection.js';
import { Runner, type RunnerDependencies } from './active/runner.js';
import type { IcmpPlan, IcmpProber } from './icmp/icmp-prober.js';
import type { ProbeOutcome, TargetReporter } from './reporting.js';
import { Unsendable } from './unsendable.js';

export interface MonitorDependencies extends RunnerDependencies, PathConnector {
  clock: Clock;
  icmp: IcmpProber;
}

export class TargetMonitor {
  #fingerprint = '';
  #runner: Runner | null = null;
  #unsendable: Unsendable | null = null;
  #reason = '';
  /** Kept from the first send until close(). */
  #session: number | null = null;

  constructor(
    private readonly deps: MonitorDependencies,
    private readonly reporter: TargetReporter,
  ) {}

  configure(intent: ProbeIntent, target: ProbeTarget): void {
    this.reporter.resize(intent.probe.windowSamples);
    this.#reason = intent.reason;
    const fingerprint = fingerprintOf(intent, target);
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    this.#runner?.close();
    this.#runner = null;
    this.#unsendable?.close();
    this.#unsendable = null;

    const { probe, path } = intent;
    const intervalUs = probe.intervalMs * 1000;
    if (path === null) this.#standStill(intervalUs, null);
    else if (probe.type === 'icmp') this.#startIcmp(intervalUs, icmpPlan(intent, path, target));
    else {
      const body = activeProbe(this.deps, path, probe, target);
      const task = { intervalUs, timeoutMs: probe.timeoutMs, body, report: this.#reportNow };
      this.#runner = new Runner(this.deps, task);
    }
  }

  close(): void {
    this.#runner?.close();
    this.#unsendable?.close();
    if (this.#session !== null) this.deps.icmp.release(this.#session);
    this.#session = null;
  }

  #startIcmp(intervalUs: number, plan: IcmpPlan): void {
    const failure = this.#tryIcmp(plan);
    if (failure === null) return;
    this.#reason = failure;
    this.#standStill(intervalUs, plan);
  }

  /** @returns null, or why it cannot be sent */
  #tryIcmp(plan: IcmpPlan): string | null {
    const { icmp } = this.deps;
    this.#session ??= icmp.allocate();
    if (this.#session === null) return 'no probe session is free';
    try {
      icmp.start(this.#session, plan, (outcome) => this.reporter.report(outcome));
      return null;
    } catch (error) {
      return `probes cannot be sent by ${plan.path.ifname}: ${messageOf(error)}`;
    }
  }

  /** @param retry what to try again at every tick, where the path is there but sending was refused */
  #standStill(intervalUs: number, retry: IcmpPlan | null): void {
    if (this.#session !== null) this.deps.icmp.stop(this.#session);
    this.#unsendable = new Unsendable(this.deps.clock, intervalUs, () => {
      const failure = retry === null ? this.#reason : this.#tryIcmp(retry);
      if (failure === null) {
        this.#unsendable?.close();
        this.#unsendable = null;
        return;
      }
      this.#reason = failure;
      this.#reportNow({ ok: false, cause: failure });
    });
  }

  readonly #reportNow = (outcome: ProbeOutcome): void => {
    this.reporter.report(outcome);
    this.reporter.sink.flush();
  };
}

function icmpPlan({ probe }: ProbeIntent, path: ProbePath, target: ProbeTarget): IcmpPlan {
  return {
    path,
    destination: target.address ?? path.gateway,
    intervalUs: probe.intervalMs * 1000,
    timeoutUs: probe.timeoutMs * 1000,
    failAfter: probe.failAfter,
    recoverAfter: probe.recoverAfter,
  };
}

/**
 * Everything that, when it changes, makes a new start. Not in it: the reason of a path that is not there (a new text is
 * no new state), and for active probes the link layer, which the kernel resolves for itself.
 */
function fingerprintOf({ probe, path }: ProbeIntent, target: ProbeTarget): string {
  const address = (value: IpAddress | null): string | null => value?.toString() ?? null;
  const { windowSamples: _window, quorum: _quorum, limits: _limits, ...own } = probe;
  if (path === null) return `unsendable ${probe.intervalMs}`;
  const wire = [path.ifindex, path.ifname, path.source.toString(), path.mark];
  if (probe.type !== 'icmp')
    return JSON.stringify([{ ...own, targets: null }, wire, address(target.address), target.port, target.url]);
  const link = [path.ethernet, path.xdp, path.sourceMac?.toString() ?? null, path.gatewayMac?.toString() ?? null];
  return JSON.stringify([{ ...own, targets: null }, wire, link, (target.address ?? path.gateway).toString()]);
}
