/**
 * A new policy over an old state. Paths that stay (same uplink and family) keep their evidence, judgement and liveness;
 * targets that stay keep their counts; groups that stay keep their force and the tier that carries.
 */
import type { Family } from '../net/ip-address.js';
import { adoptPolicy, NO_DAMPING } from './damping.js';
import { newGroup } from './group.js';
import {
  FAMILIES,
  findPath,
  type EngineState,
  type GroupState,
  type PathIndex,
  type PathPolicy,
  type PathState,
  type ProbeSlot,
  type TargetSlot,
  type TargetState,
  type Tiers,
} from './state.js';
import { newTarget } from './target.js';
import type { EnginePolicy, GroupPolicy, UplinkPolicy } from './types.js';

/** Evidence, judgement and policies in place; transitions, liveness and groups are the step's business. */
export function configure(state: EngineState, policy: EnginePolicy, nowUs: number): EngineState {
  const members = new Set(policy.groups.flatMap((group) => group.tiers.flat().map((member) => member.uplink)));
  const paths: PathState[] = [];
  const pathIndex = new Map<string, Partial<Record<Family, number>>>();
  for (const uplink of policy.uplinks) {
    const places: Partial<Record<Family, number>> = {};
    for (const family of FAMILIES) {
      if (!uplink.families.includes(family)) continue;
      places[family] = paths.length;
      paths.push(configurePath(state, uplink, family, members.has(uplink.name), nowUs));
    }
    pathIndex.set(uplink.name, places);
  }
  const groups = policy.groups.flatMap((group) =>
    FAMILIES.flatMap((family) => configureGroup(state, group, family, pathIndex) ?? []),
  );
  return { ...state, policy, paths, pathIndex, groups };
}

function configurePath(
  state: EngineState,
  uplink: UplinkPolicy,
  family: Family,
  member: boolean,
  nowUs: number,
): PathState {
  const known = findPath(state.paths, state.pathIndex, uplink.name, family);
  const { policy, targets } = compilePolicy(uplink, family, known);
  if (known) {
    return { ...known, policy, targets, member, damping: adoptPolicy(known.damping, policy.damping, nowUs) };
  }
  // Link and drain belong to the uplink: a family that is added to it shares them.
  const sibling = findPath(state.paths, state.pathIndex, uplink.name, family === 4 ? 6 : 4);
  return {
    uplink: uplink.name,
    family,
    policy,
    member,
    link: sibling?.link ?? null,
    addressing: null,
    neighbour: { state: 'unknown', detail: '' },
    targets,
    health: 'init',
    healthSinceUs: nowUs,
    healthCause: 'configured; nothing is known yet',
    beyondLimits: false,
    healthySinceUs: null,
    hasBeenThere: false,
    hasWorked: false,
    hasFailed: false,
    workedUntilUs: 0,
    damping: NO_DAMPING,
    failures: 0,
    drained: sibling?.drained ?? null,
    alive: false,
    hasBeenAlive: false,
    kept: null,
    sinceUs: nowUs,
    cause: 'configured; nothing is known yet',
  };
}

function compilePolicy(
  uplink: UplinkPolicy,
  family: Family,
  known: PathState | undefined,
): { policy: PathPolicy; targets: TargetState[] } {
  const probes: ProbeSlot[] = [];
  const slots = new Map<string, Map<string, TargetSlot>>();
  const targets: TargetState[] = [];
  for (const { name, targets: byFamily, failAfter, recoverAfter, quorum, limits } of uplink.probes) {
    const keys = [...new Set(byFamily[family] ?? [])];
    if (keys.length === 0) continue;
    const probe: ProbeSlot = {
      name,
      first: targets.length,
      count: keys.length,
      quorum: Math.max(1, Math.min(quorum, keys.length)),
      failAfter,
      recoverAfter,
      limits,
    };
    probes.push(probe);
    slots.set(name, new Map(keys.map((key, at) => [key, { index: probe.first + at, probe }])));
    const knownSlots = known?.policy.slots.get(name);
    for (const key of keys) {
      const slot = knownSlots?.get(key);
      targets.push(slot ? known!.targets[slot.index]! : newTarget(key));
    }
  }
  const { holdDownUs, damping } = uplink;
  const learned = uplink.learnedFamilies.includes(family);
  const lastResort = uplink.lastResort === true;
  return { policy: { probes, slots, holdDownUs, damping, learned, lastResort }, targets };
}

/** @returns null when no member of the group has a path in this family */
function configureGroup(state: EngineState, policy: GroupPolicy, family: Family, index: PathIndex): GroupState | null {
  const hasPath = (uplink: string): boolean => index.get(uplink)?.[family] !== undefined;
  const tiers: Tiers = policy.tiers
    .map((tier) => tier.filter((member) => hasPath(member.uplink)).map(({ uplink, weight }) => ({ uplink, weight })))
    .filter((tier) => tier.length > 0);
  if (tiers.length === 0) return null;
  const fresh = newGroup(policy, family, tiers);
  const known = state.groups.find((group) => group.name === policy.name && group.family === family);
  if (!known) return fresh;
  const isMember = (uplink: string): boolean => tiers.some((tier) => tier.some((member) => member.uplink === uplink));
  return {
    ...fresh,
    forced: known.forced && isMember(known.forced.uplink) ? known.forced : null,
    carrying: known.carrying.filter(isMember),
    order: known.order,
    active: known.active,
    cause: known.cause,
  };
}
