/**
 * `groups` and `buckets`. Every tier with two members or more has a block of BUCKETS_PER_TIER buckets: a fixed number,
 * because another size would send every flow elsewhere. Buckets are changed in place, one atomic store each.
 */
import { groupCodec, Limit, type Group, type Tier } from '../abi/index.js';
import type { GroupIntent } from '../controller/ports.js';
import { assignBuckets, type WeightedMember } from './bucket-assignment.js';
import { encoded, sameBytes, type KernelMap, type MappedU32Array } from './kernel-map.js';
import { SlotAllocator } from './slot-allocator.js';

/** Weights are met to within 1/256. */
const BUCKETS_PER_TIER = 256;

const EMPTY_TIER: Tier = { bucketBase: 0, bucketMask: 0, memberCount: 0, members: noMembers() };
const EMPTY_GROUP: Group = { tierCount: 0, tiers: new Array<Tier>(Limit.MAX_TIERS).fill(EMPTY_TIER) };

export class GroupTable {
  readonly #groups: KernelMap;
  readonly #buckets: MappedU32Array;
  /** By "group/tier". */
  readonly #blocks: SlotAllocator<string>;
  /** Highest group id that may be in the map: no need to read on. */
  #highestId: number;

  constructor(groups: KernelMap, buckets: MappedU32Array, nowMs: () => number) {
    this.#groups = groups;
    this.#buckets = buckets;
    this.#blocks = new SlotAllocator({ first: 0, end: Math.floor(buckets.length / BUCKETS_PER_TIER) }, nowMs);
    this.#highestId = groups.maxEntries - 1;
    this.#highestId = Math.max(0, ...this.#adopt());
  }

  publish(groups: readonly GroupIntent[]): string[] {
    const problems: string[] = [];
    this.#highestId = Math.max(this.#highestId, ...groups.map(({ id }) => id).filter((id) => this.#isId(id)));
    const actual = this.#readGroups();
    for (const group of groups) {
      if (!this.#isId(group.id)) {
        problems.push(`group ${group.id}: the id is not from 1 to ${this.#groups.maxEntries - 1}`);
        continue;
      }
      const wanted = encoded(groupCodec, this.#layOut(group, problems));
      if (!sameBytes(wanted, actual.subarray(group.id * wanted.length, (group.id + 1) * wanted.length))) {
        this.#groups.updateElement(group.id, wanted);
      }
    }
    return problems;
  }

  /** Whether an id that has a group now has other members, or another order of them, than wanted; weights aside. */
  meansOtherwise(groups: readonly GroupIntent[]): boolean {
    const bytes = this.#readGroups();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return groups.some((group) => {
      if (!this.#isId(group.id) || group.id > this.#highestId) return false;
      const present = groupCodec.decode(view, group.id * groupCodec.size);
      const found = present.tiers.slice(0, present.tierCount).map((tier) => tier.members.slice(0, tier.memberCount));
      const wanted = tiersOf(group).map((tier) => tier.slice(0, Limit.MAX_TIER_MEMBERS).map(({ nextHop }) => nextHop));
      return present.tierCount > 0 && JSON.stringify(found) !== JSON.stringify(wanted);
    });
  }

  /** Empties groups that are no longer wanted; after no route names them any more. */
  retire(groups: readonly GroupIntent[]): void {
    const wanted = new Set(groups.map(({ id }) => id));
    const empty = encoded(groupCodec, EMPTY_GROUP);
    const actual = this.#readGroups();
    for (let id = 0; id <= this.#highestId; id++) {
      const present = actual.subarray(id * empty.length, (id + 1) * empty.length);
      if (!wanted.has(id) && !sameBytes(present, empty)) this.#groups.updateElement(id, empty);
    }
    this.#blocks.retain(new Set(groups.flatMap((group) => tiersOf(group).flatMap(blockKeyOfTier(group.id)))));
    this.#highestId = Math.max(0, ...wanted);
  }

  #isId(id: number): boolean {
    return Number.isInteger(id) && id >= 1 && id < this.#groups.maxEntries;
  }

  #readGroups(): Uint8Array {
    return this.#groups.readArray(this.#highestId + 1);
  }

  /** Blocks that an earlier process gave out. @returns ids of the groups that exist */
  #adopt(): number[] {
    const ids: number[] = [];
    const bytes = this.#readGroups();
    const view = new DataView(bytes.buffer);
    for (let id = 0; id <= this.#highestId; id++) {
      const group = groupCodec.decode(view, id * groupCodec.size);
      if (group.tierCount > 0) ids.push(id);
      for (const [index, tier] of group.tiers.slice(0, group.tierCount).entries()) {
        const ours = tier.bucketMask === BUCKETS_PER_TIER - 1 && tier.bucketBase % BUCKETS_PER_TIER === 0;
        if (ours) this.#blocks.adopt(`${id}/${index}`, tier.bucketBase / BUCKETS_PER_TIER);
      }
    }
    return ids;
  }

  #layOut(group: GroupIntent, problems: string[]): Group {
    const tiers = tiersOf(group);
    if (group.tiers.length > tiers.length) {
      problems.push(`group ${group.id}: ${group.tiers.length} tiers; only the first ${Limit.MAX_TIERS} are used`);
    }
    const rows = tiers.map((members, index) => this.#layOutTier(group.id, index, members, problems));
    return { tierCount: rows.length, tiers: [...rows, ...EMPTY_GROUP.tiers.slice(rows.length)] };
  }

  #layOutTier(id: number, index: number, all: readonly WeightedMember[], problems: string[]): Tier {
    const members = all.slice(0, Limit.MAX_TIER_MEMBERS);
    if (members.length < all.length) {
      problems.push(`group ${id}, tier ${index + 1}: ${all.length} members; only the first ${members.length} are used`);
    }
    const ids = noMembers();
    for (const [position, { nextHop }] of members.entries()) ids[position] = nextHop;
    const tier = { ...EMPTY_TIER, memberCount: members.length, members: ids };
    if (members.length < 2) return tier;

    const isNew = this.#blocks.get(`${id}/${index}`) === null;
    const block = this.#blocks.allocate(`${id}/${index}`);
    if (block === null) {
      problems.push(`group ${id}, tier ${index + 1}: no buckets left; only its first live member is used`);
      return tier;
    }
    const bucketBase = block * BUCKETS_PER_TIER;
    this.#fillBuckets(bucketBase, members, isNew);
    return { ...tier, bucketBase, bucketMask: BUCKETS_PER_TIER - 1 };
  }

  #fillBuckets(base: number, members: readonly WeightedMember[], isNew: boolean): void {
    const present = this.#buckets.copy(base, BUCKETS_PER_TIER);
    // What an earlier owner of the block left says nothing about where flows are.
    const wanted = assignBuckets(isNew ? new Uint32Array(BUCKETS_PER_TIER) : present, members);
    for (const [index, nextHop] of wanted.entries()) {
      if (present[index] !== nextHop) this.#buckets.set(base + index, nextHop);
    }
  }
}

/** Tiers without members do not exist for the program. */
function tiersOf(group: GroupIntent): readonly (readonly WeightedMember[])[] {
  return group.tiers.filter((tier) => tier.length > 0).slice(0, Limit.MAX_TIERS);
}

function blockKeyOfTier(id: number): (members: readonly WeightedMember[], index: number) => string[] {
  return (members, index) => (members.length >= 2 ? [`${id}/${index}`] : []);
}

function noMembers(): number[] {
  return new Array<number>(Limit.MAX_TIER_MEMBERS).fill(0);
}
