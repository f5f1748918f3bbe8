/**
 * The forwarding program with small maps that a test fills by hand: no controller, no publisher, no device.
 * `run` gives it one frame by BPF_PROG_TEST_RUN and says what came of it.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BpfObject, possibleCpus, type Btf } from '../../../src/libbpf/index.js';
import { native } from '../../../src/native.js';

export const OBJECT_PATH = fileURLToPath(new URL('../../../build/bpf/detour.bpf.o', import.meta.url));

export const MAX_REASONS = 64;
const SLOTS = 8;
const MAX_TIERS = 4;
const MAX_TIER_MEMBERS = 16;

const SIZES = {
  reason_counters: SLOTS * MAX_REASONS,
  next_hop_counters: 128,
  next_hops: 128,
  next_hop_slots: 128,
  liveness: 2,
  groups: 64,
  buckets: 4096,
};

const VERDICTS = ['ABORTED', 'DROP', 'PASS', 'TX', 'REDIRECT'] as const;

export interface RunResult {
  verdict: string;
  frame: Buffer;
  /** Reasons counted for this frame, "slot:NAME" -> packets. */
  reasons: Record<string, number>;
}

export interface TierFields {
  members: number[];
  bucketBase?: number;
  bucketMask?: number;
}

/** Enumerators of an enum in the object's BTF, by value, without the common prefix. */
export function enumNames(btf: Btf, name: string, prefix: string): Map<number, string> {
  const type = btf.types.find((each) => each.kind === 'enum' && each.name === name);
  if (type?.kind !== 'enum') throw new Error(`no enum ${name} in the object's BTF`);
  return new Map(type.values.map((each) => [Number(each.value), each.name.replace(prefix, '')]));
}

export class TestRouter {
  readonly object: BpfObject;
  readonly #programFd: number;
  readonly #reasonNames: Map<number, string>;
  readonly #reasonFd: number;
  readonly #raw = new Uint8Array(SIZES.reason_counters * possibleCpus() * 8);
  #before: Uint32Array;

  constructor(program: 'detour_xdp' | 'detour_xdp_frags' = 'detour_xdp', ringBytes = 4096) {
    if (!existsSync(OBJECT_PATH)) throw new Error(`${OBJECT_PATH} does not exist; run "make -f bpf/build.mk"`);
    const spec = BpfObject.open(OBJECT_PATH).selectPrograms([program]);
    for (const [map, entries] of Object.entries(SIZES)) spec.setMaxEntries(map, entries);
    spec.setMaxEntries('events', ringBytes);
    this.object = spec.load();
    const { btf } = this.object;
    if (!btf) throw new Error('the object has no BTF');
    this.#reasonNames = enumNames(btf, 'detour_reason', 'REASON_');
    this.#programFd = this.object.program(program).fd;
    this.#reasonFd = this.object.map('reason_counters').fd;
    this.#before = this.#readReasons();
  }

  close(): void {
    this.object.close();
  }

  set(map: string, key: unknown, value: unknown): void {
    this.object.map(map).set(key, value);
  }

  delete(map: string, key: unknown): void {
    this.object.map(map).delete(key);
  }

  /** @param refreshMs a minute unless said otherwise: longer than any test goes on */
  settings(flags: number, cookieKey: [bigint, bigint] = [0n, 0n], hashSeed = 0x1234, refreshMs = 60_000): void {
    this.set('settings', 0, { cookie_key: cookieKey, flags, hash_seed: hashSeed, neighbour_refresh_ms: refreshMs });
  }

  route(family: 4 | 6, address: Uint8Array, prefixLength: number, kind: number, group = 0): void {
    const target = ((kind << 28) | group) >>> 0;
    this.set(`routes${family}`, { prefix_length: prefixLength, address }, { target });
  }

  group(id: number, tiers: TierFields[]): void {
    const all = Array.from({ length: MAX_TIERS }, (_, i) => {
      const { members = [], bucketBase = 0, bucketMask = 0 } = tiers[i] ?? {};
      return {
        bucket_base: bucketBase,
        bucket_mask: bucketMask,
        member_count: members.length,
        members: Array.from({ length: MAX_TIER_MEMBERS }, (__, m) => members[m] ?? 0),
      };
    });
    this.set('groups', id, { tier_count: tiers.length, tiers: all });
  }

  /** Marks exactly these next hops alive. */
  alive(ids: readonly number[]): void {
    const words = [0n, 0n];
    for (const id of ids) words[id >> 6] = (words[id >> 6] ?? 0n) | (1n << BigInt(id & 63));
    words.forEach((word, index) => this.set('liveness', index, word));
  }

  run(frame: Uint8Array, ingressIfindex = 1): RunResult {
    const result = native.programTestRun(this.#programFd, frame, { ingressIfindex, rxQueueIndex: 0 }, 1);
    const after = this.#readReasons();
    const reasons: Record<string, number> = {};
    after.forEach((packets, i) => {
      const difference = packets - (this.#before[i] ?? 0);
      if (difference === 0) return;
      const index = Math.floor(i / possibleCpus());
      const reason = index % MAX_REASONS;
      const name = `${Math.floor(index / MAX_REASONS)}:${this.#reasonNames.get(reason) ?? `unnamed ${reason}`}`;
      reasons[name] = (reasons[name] ?? 0) + difference;
    });
    this.#before = after;
    return { verdict: VERDICTS[result.verdict] ?? `verdict ${result.verdict}`, frame: result.frame, reasons };
  }

  /** Nanoseconds a packet, averaged by the kernel over `repeat` runs. The packet must leave its frame as it is. */
  measure(frame: Uint8Array, repeat: number): number {
    return native.programTestRun(this.#programFd, frame, { ingressIfindex: 1, rxQueueIndex: 0 }, repeat).durationNs;
  }

  /** Sum over all CPUs. */
  nextHopCounter(id: number): { packets: number; bytes: number } {
    const perCpu = this.object.map<number, { packets: bigint; bytes: bigint }[]>('next_hop_counters').get(id) ?? [];
    return {
      packets: Number(perCpu.reduce((sum, each) => sum + each.packets, 0n)),
      bytes: Number(perCpu.reduce((sum, each) => sum + each.bytes, 0n)),
    };
  }

  /** The counters' lower words, one for each reason and CPU: enough for a test, and much faster than BigInts. */
  #readReasons(): Uint32Array {
    native.mapReadArray(this.#reasonFd, SIZES.reason_counters, this.#raw);
    return new Uint32Array(this.#raw.buffer).filter((_, i) => i % 2 === 0);
  }
}
