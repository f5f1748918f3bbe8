/** The table of messages, section 3.3: which TLVs they are made of, in the order in which they are written. */
import { CodeTable } from './code-table.js';
import { AUTH } from './kind.js';
import { list, once, optional, optionalList, type Field } from './fields.js';
import { CLIENTS, ECHO, FAMILY, LEASE, MAXIMUM_CLIENTS, PATH, REASON, WANT } from './kinds-lease.js';
import { BACKHAUL, CAPACITY, COST, INTERVAL, NAME, POWER, SLOTS, USAGE } from './kinds-offer.js';
import type { Message, MessageType, Request } from './types.js';

export const messageTypes = new CodeTable<MessageType>('message type', {
  advertise: 1,
  withdraw: 2,
  elect: 3,
  accept: 4,
  refuse: 5,
  renew: 6,
  status: 7,
  release: 8,
  released: 9,
});

type FieldsOf<T> = { [P in Exclude<keyof T, 'type'>]-?: Field<Exclude<T[P], undefined>> };

const families = list(FAMILY, [1, 2], (offered) => offered.family);
const backhaul = list(BACKHAUL, [0, 2], (measured) => measured.family);

const request: FieldsOf<Request> = {
  lease: once(LEASE),
  echo: once(ECHO),
  want: once(WANT),
  clients: list(CLIENTS, [0, MAXIMUM_CLIENTS]),
  path: optionalList(PATH),
};

const fields: { [T in MessageType]: FieldsOf<Extract<Message, { type: T }>> } = {
  advertise: {
    intervalMs: once(INTERVAL),
    families,
    name: optional(NAME),
    capacity: optional(CAPACITY),
    cost: optional(COST),
    power: optional(POWER),
    backhaul,
    slots: optional(SLOTS),
    path: optionalList(PATH),
    lease: optional(LEASE),
  },
  withdraw: { reason: once(REASON), lease: optional(LEASE) },
  elect: request,
  accept: { lease: once(LEASE), echo: once(ECHO), families },
  refuse: { lease: once(LEASE), echo: once(ECHO), reason: once(REASON) },
  renew: request,
  status: {
    lease: once(LEASE),
    echo: once(ECHO),
    usage: once(USAGE),
    families,
    backhaul,
    power: optional(POWER),
    cost: optional(COST),
  },
  release: { lease: once(LEASE), echo: once(ECHO), reason: once(REASON) },
  released: { lease: once(LEASE), echo: once(ECHO), usage: once(USAGE) },
};

/** What a message of one type is made of. */
export interface Layout {
  /** Properties and what they are on the wire, in the order in which they are written. */
  fields: readonly (readonly [property: string, field: Field<unknown>])[];
  /** Types of the TLVs that have their place in it. */
  places: ReadonlySet<number>;
}

const layoutOf = (of: object): Layout => {
  const entries = Object.entries(of as Record<string, Field<unknown>>);
  return { fields: entries, places: new Set(entries.map(([, { kind }]) => kind.type)) };
};

export const layouts = Object.fromEntries(
  Object.entries(fields).map(([type, of]) => [type, layoutOf(of)]),
) as unknown as Readonly<Record<MessageType, Layout>>;

const CRITICAL_KINDS = [LEASE, ECHO, FAMILY, WANT, CLIENTS, REASON, PATH];

/**
 * Names of the critical kinds that this version knows, by type: each has its place in some messages and in no others.
 * AUTH has it where peek() looks for it.
 */
export const CRITICAL_NAMES: ReadonlyMap<number, string> = new Map([
  ...CRITICAL_KINDS.map((kind) => [kind.type, kind.name] as const),
  [AUTH, 'AUTH'],
]);
