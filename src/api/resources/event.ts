/** Entries of the event log: one schema for each kind of record, in the list and in the live stream alike. */
import { Type, type Static } from 'typebox';
import type { GatewayStateName } from '../../controller/records.js';
import type { EventEntry } from '../../controller/service.js';
import { closed, FamilySchema, nullable, reference, TimeSchema } from './common.js';
import { pathStates } from './uplink.js';

/** In the order of a life; `leaving` is elected, but its traffic is on the way back. */
export const gatewayStates = [
  'absent',
  'offered',
  'electing',
  'elected',
  'leaving',
  'releasing',
  'resting',
] as const satisfies readonly GatewayStateName[];

const StateSchema = Type.Enum([...pathStates]);
const GatewayStateSchema = Type.Enum([...gatewayStates]);
const at = { atUs: Type.Number({ description: 'monotonic clock of the controller, microseconds' }) };
const cause = { cause: Type.String({ description: 'in words and figures' }) };

export const RecordSchema = Type.Union(
  [
    Type.Object(
      {
        kind: Type.Literal('path'),
        uplink: Type.String(),
        family: FamilySchema,
        from: StateSchema,
        to: StateSchema,
        alive: Type.Boolean(),
        ...cause,
        ...at,
      },
      closed,
    ),
    Type.Object(
      {
        kind: Type.Literal('group'),
        group: Type.String(),
        family: FamilySchema,
        from: Type.Array(Type.String()),
        to: Type.Array(Type.String()),
        ...cause,
        ...at,
      },
      closed,
    ),
    Type.Object(
      {
        kind: Type.Literal('all-down'),
        family: FamilySchema,
        believed: Type.Boolean(),
        lastGood: nullable(Type.String()),
        ...cause,
        ...at,
      },
      closed,
    ),
    Type.Object({ kind: Type.Literal('all-down-ended'), family: FamilySchema, ...cause, ...at }, closed),
    Type.Object({ kind: Type.Literal('operator'), what: Type.String(), by: Type.String(), ...at }, closed),
    Type.Object({ kind: Type.Literal('blind'), durationUs: Type.Number(), ...cause, ...at }, closed),
    Type.Object(
      {
        kind: Type.Literal('gateway'),
        gateway: Type.String({ description: 'name of the pairing' }),
        from: GatewayStateSchema,
        to: GatewayStateSchema,
        ...cause,
        ...at,
      },
      closed,
    ),
    Type.Object(
      {
        kind: Type.Literal('gateway-discards'),
        reason: Type.String({ description: 'docs/gateway-protocol.md, section 4.2' }),
        count: Type.Integer({ minimum: 1 }),
        ...cause,
        ...at,
      },
      closed,
    ),
  ],
  { $id: 'EventRecord', description: 'what happened; `kind` says which fields it has' },
);

const RunSchema = Type.String({
  description: 'the run of the controller; sequence numbers begin anew with each',
});

export const EventSchema = Type.Object(
  {
    run: RunSchema,
    sequence: Type.Integer({ minimum: 0, description: 'increases by one an entry' }),
    time: TimeSchema,
    record: reference(RecordSchema),
  },
  { ...closed, $id: 'Event' },
);

export const EventListSchema = Type.Object(
  {
    run: RunSchema,
    restarted: Type.Boolean({ description: '`after` was of an earlier run: the list begins with the oldest entry' }),
    events: Type.Array(reference(EventSchema)),
    oldest: Type.Integer({ description: 'lowest sequence number still kept' }),
    newest: Type.Integer({ description: 'highest sequence number given' }),
    next: Type.String({ description: '`after` of the next page: RUN-SEQUENCE' }),
  },
  { ...closed, $id: 'EventList' },
);

/** Data of the stream's `gap` message. */
export const GapSchema = Type.Object(
  { missedFrom: Type.Integer(), missedTo: Type.Integer(), reason: Type.String() },
  { ...closed, $id: 'EventGap', description: 'entries that the stream cannot give any more' },
);

/** Data of the stream's `restarted` message. */
export const RestartSchema = Type.Object(
  { run: RunSchema, reason: Type.String() },
  { ...closed, $id: 'EventRestart', description: 'the reader knows an earlier run; all entries of this one follow' },
);

export type EventResource = Static<typeof EventSchema>;
export type EventListResource = Static<typeof EventListSchema>;
export type EventRecordResource = Static<typeof RecordSchema>;

export function presentEvent(entry: EventEntry): EventResource {
  return { run: entry.run, sequence: entry.sequence, time: entry.time, record: entry.record };
}
