/** An uplink and its paths, one for each address family. */
import { Type, type Static } from 'typebox';
import type { TargetView } from '../../engine/types.js';
import type { PathStatus, UplinkStatus } from '../../controller/service.js';
import {
  closed,
  FamilySchema,
  nullable,
  presentTime,
  presentTraffic,
  reference,
  TimeSchema,
  TrafficSchema,
  type ApiClock,
} from './common.js';

export const pathStates = ['init', 'up', 'degraded', 'suspect', 'down', 'held', 'drained'] as const;

export const TargetSchema = Type.Object(
  {
    probe: Type.String(),
    target: Type.String(),
    good: nullable(Type.Boolean(), { description: 'null: not judged yet' }),
    consecutiveLosses: Type.Integer({ minimum: 0 }),
    consecutiveReplies: Type.Integer({ minimum: 0 }),
    lastCause: nullable(Type.String(), { description: 'why the last probe was lost' }),
    window: nullable(
      Type.Object(
        {
          samples: Type.Integer({ minimum: 0 }),
          lossPercent: Type.Number({ minimum: 0, maximum: 100 }),
          latencyUs: nullable(Type.Number({ minimum: 0 }), { description: 'mean round trip; null: no reply' }),
          jitterUs: nullable(Type.Number({ minimum: 0 }), {
            description: 'mean difference of consecutive round trips; null: fewer than two replies',
          }),
        },
        closed,
      ),
      { description: 'the sliding window of this target' },
    ),
  },
  { ...closed, $id: 'Target', description: 'one address that a probe asks' },
);

export const PathSchema = Type.Object(
  {
    family: FamilySchema,
    state: Type.Enum([...pathStates]),
    alive: Type.Boolean({ description: 'the liveness bit: false = no packet is sent here' }),
    kept: nullable(Type.String(), { description: 'why `alive` is not what the state suggests' }),
    since: TimeSchema,
    stateForMs: Type.Number({ minimum: 0, description: 'how long it has been in this state' }),
    cause: Type.String({ description: 'why it is in this state, in words and figures' }),
    heldUntil: nullable(TimeSchema, { description: 'when a held path may be used again' }),
    damping: Type.Object({ figureOfMerit: Type.Number(), suppressed: Type.Boolean() }, closed),
    failures: Type.Integer({ minimum: 0, description: 'times it went down since the start' }),
    gateway: nullable(Type.String()),
    gatewayMac: nullable(Type.String()),
    source: nullable(Type.String()),
    transmitted: TrafficSchema,
    targets: Type.Array(reference(TargetSchema)),
  },
  { ...closed, $id: 'Path', description: 'one uplink in one address family' },
);

export const UplinkSchema = Type.Object(
  {
    name: Type.String(),
    interface: Type.String(),
    ifindex: nullable(Type.Integer(), { description: 'null: the interface does not exist now' }),
    forwarding: Type.Object(
      { by: Type.Enum(['xdp', 'stack']), reason: nullable(Type.String(), { description: 'why not by XDP' }) },
      closed,
    ),
    drained: Type.Boolean(),
    paths: Type.Array(reference(PathSchema)),
  },
  { ...closed, $id: 'Uplink', description: 'a configured way out' },
);

export const UplinkListSchema = Type.Object(
  { uplinks: Type.Array(reference(UplinkSchema)) },
  { ...closed, $id: 'UplinkList' },
);

export type UplinkResource = Static<typeof UplinkSchema>;
export type PathResource = Static<typeof PathSchema>;
export type TargetResource = Static<typeof TargetSchema>;

export function presentUplink(uplink: UplinkStatus, clock: ApiClock): UplinkResource {
  return {
    name: uplink.name,
    interface: uplink.interface,
    ifindex: uplink.ifindex,
    forwarding: { by: uplink.forwarding.by, reason: uplink.forwarding.reason },
    drained: uplink.drained,
    paths: uplink.paths.map((path) => presentPath(path, clock)),
  };
}

function presentPath(path: PathStatus, clock: ApiClock): PathResource {
  return {
    family: path.family,
    state: path.state,
    alive: path.alive,
    kept: path.kept,
    since: presentTime(path.sinceUs, clock),
    stateForMs: Math.max(0, Math.round((clock.nowUs() - path.sinceUs) / 1000)),
    cause: path.cause,
    heldUntil: path.heldUntilUs === null ? null : presentTime(path.heldUntilUs, clock),
    damping: { figureOfMerit: path.damping.figureOfMerit, suppressed: path.damping.suppressed },
    failures: path.failures,
    gateway: path.gateway,
    gatewayMac: path.gatewayMac,
    source: path.source,
    transmitted: presentTraffic(path.transmitted),
    targets: path.targets.map(presentTarget),
  };
}

function presentTarget(target: TargetView): TargetResource {
  const { window } = target;
  return {
    probe: target.probe,
    target: target.target,
    good: target.good,
    consecutiveLosses: target.consecutiveLosses,
    consecutiveReplies: target.consecutiveReplies,
    lastCause: target.lastCause,
    window: window && {
      samples: window.samples,
      lossPercent: window.lossPercent,
      latencyUs: window.latencyUs,
      jitterUs: window.jitterUs,
    },
  };
}
