/** Drives the engine in tests: keeps state and time, freezes every state that it hands in, and collects what came out. */
import {
  allDownViews,
  groupViews,
  initialState,
  nextDeadlineUs,
  pathViews,
  step,
  type EngineState,
} from '../../../src/engine/index.js';
import type {
  AllDownView,
  EngineAction,
  EngineEvent,
  EnginePolicy,
  GroupView,
  PathView,
  ProbePolicy,
  TransitionRecord,
  UplinkPolicy,
  WindowStatistics,
} from '../../../src/engine/types.js';
import type { Family } from '../../../src/net/ip-address.js';

export const MS = 1000;
export const SECOND = 1_000_000;

/** What a window says when all is well. */
export const GOOD_WINDOW: WindowStatistics = { samples: 50, lossPercent: 0, latencyUs: 900, jitterUs: 50 };

export function probe(targets: ProbePolicy['targets'], options: Partial<ProbePolicy> = {}): ProbePolicy {
  return { name: 'icmp', targets, failAfter: 3, recoverAfter: 2, quorum: 1, limits: {}, ...options };
}

export function uplink(name: string, options: Partial<UplinkPolicy> = {}): UplinkPolicy {
  return {
    name,
    families: [4],
    learnedFamilies: [],
    probes: [probe({ 4: [`target-of-${name}`] })],
    holdDownUs: 10 * SECOND,
    damping: {
      enabled: true,
      penaltyPerFailure: 1000,
      cutoffThreshold: 2500,
      reuseThreshold: 750,
      halfLifeUs: 60 * SECOND,
      maximumSuppressUs: 240 * SECOND,
    },
    ...options,
  };
}

/** One group of one uplink per tier, best first; revert delay 0 unless told. */
export function policy(uplinks: UplinkPolicy[], options: Partial<EnginePolicy> = {}): EnginePolicy {
  return {
    mode: 'active',
    uplinks,
    groups: [{ name: 'internet', tiers: uplinks.map(({ name }) => [{ uplink: name, weight: 1 }]), revertDelayUs: 0 }],
    minimumAgreeing: 2,
    ...options,
  };
}

export class World {
  state: EngineState = initialState();
  nowUs = 1_000_000_000;
  /** Of the last call. */
  actions: EngineAction[] = [];
  readonly records: TransitionRecord[] = [];

  constructor(given: EnginePolicy) {
    this.send({ type: 'configure', policy: given });
  }

  /** A world in which link and addressing of every uplink are there. */
  static connected(given: EnginePolicy): World {
    const world = new World(given);
    for (const { name, families } of given.uplinks) world.connect(name, families);
    return world;
  }

  send(...events: EngineEvent[]): this {
    this.actions = [];
    for (const event of events) {
      const result = step(deepFreeze(this.state), event, this.nowUs);
      this.state = result.state;
      this.actions.push(...result.actions);
    }
    for (const action of this.actions) if (action.type === 'record') this.records.push(action.record);
    return this;
  }

  connect(name: string, families: readonly Family[] = [4]): this {
    return this.send(
      { type: 'link', uplink: name, up: true, detail: '' },
      ...families.map((family): EngineEvent => ({ type: 'addressing', uplink: name, family, ready: true, detail: '' })),
    );
  }

  link(name: string, up: boolean, detail = up ? '' : 'no carrier'): this {
    return this.send({ type: 'link', uplink: name, up, detail });
  }

  addressing(name: string, ready: boolean, detail = ready ? '' : 'no IPv4 address', family: Family = 4): this {
    return this.send({ type: 'addressing', uplink: name, family, ready, detail });
  }

  neighbour(name: string, state: 'resolved' | 'failed' | 'unknown', family: Family = 4): this {
    return this.send({ type: 'neighbour', uplink: name, family, state, detail: state === 'failed' ? '192.0.2.1' : '' });
  }

  /** `count` replies (or losses), 20 ms apart, at the default target of the uplink or at `target`. */
  replies(name: string, count = 1, at: SampleAt = {}): this {
    return this.samples(name, count, true, at);
  }

  losses(name: string, count = 1, at: SampleAt = {}): this {
    return this.samples(name, count, false, at);
  }

  private samples(name: string, count: number, ok: boolean, at: SampleAt): this {
    const collected: EngineAction[] = [];
    for (let i = 0; i < count; i++) {
      this.nowUs += 20 * MS;
      this.send({
        type: 'sample',
        uplink: name,
        family: at.family ?? 4,
        probe: at.probe ?? 'icmp',
        target: at.target ?? `target-of-${name}`,
        outcome: ok ? { ok: true, rttUs: 900 } : { ok: false, cause: 'no reply within 20 ms' },
        window: at.window ?? GOOD_WINDOW,
      });
      collected.push(...this.actions);
    }
    this.actions = collected;
    return this;
  }

  /** Lets time pass as the shell does: a tick at each deadline on the way, and one at the end. */
  pass(durationUs: number): this {
    const untilUs = this.nowUs + durationUs;
    const collected: EngineAction[] = [];
    for (;;) {
      const deadlineUs = nextDeadlineUs(this.state);
      if (deadlineUs === null || deadlineUs >= untilUs) break;
      this.nowUs = Math.max(this.nowUs, deadlineUs);
      this.send({ type: 'tick' });
      collected.push(...this.actions);
    }
    this.nowUs = untilUs;
    this.send({ type: 'tick' });
    this.actions = [...collected, ...this.actions];
    return this;
  }

  path(name: string, family: Family = 4): PathView {
    const found = pathViews(this.state, this.nowUs).find((path) => path.uplink === name && path.family === family);
    if (!found) throw new Error(`no path ${name} IPv${family}`);
    return found;
  }

  group(name = 'internet', family: Family = 4): GroupView {
    const found = groupViews(this.state).find((group) => group.group === name && group.family === family);
    if (!found) throw new Error(`no group ${name} IPv${family}`);
    return found;
  }

  /** Names by tier. */
  order(name = 'internet', family: Family = 4): string[][] {
    return this.group(name, family).order.map((tier) => tier.map((member) => member.uplink));
  }

  allDown(family: Family = 4): AllDownView {
    return allDownViews(this.state).find((view) => view.family === family)!;
  }

  /** Records of one kind since the start. */
  recorded<K extends TransitionRecord['kind']>(kind: K): (TransitionRecord & { kind: K })[] {
    return this.records.filter((record): record is TransitionRecord & { kind: K } => record.kind === kind);
  }

  /** "init > up > suspect": what the event log says about a path. */
  history(name: string, family: Family = 4): string {
    const transitions = this.recorded('path').filter((record) => record.uplink === name && record.family === family);
    return [transitions[0]?.from, ...transitions.map((record) => record.to)].join(' > ');
  }

  /** The last cause in the event log about a path. */
  lastCause(name: string): string {
    return this.recorded('path').findLast((record) => record.uplink === name)?.cause ?? '';
  }
}

export interface SampleAt {
  family?: Family;
  probe?: string;
  target?: string;
  window?: WindowStatistics;
}

/** Freezes plain data in place; what is frozen already is not entered again. Maps: their writers are taken away. */
export function deepFreeze<T>(value: T): T {
  // The bytes of an address cannot be frozen.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  if (value instanceof Map) {
    for (const method of ['set', 'delete', 'clear'] as const) {
      Object.defineProperty(value, method, {
        value: () => {
          throw new Error(`a state's map was written to: ${method}`);
        },
      });
    }
    for (const entry of value.values()) deepFreeze(entry);
  }
  Object.freeze(value);
  for (const entry of Object.values(value)) deepFreeze(entry);
  return value;
}
