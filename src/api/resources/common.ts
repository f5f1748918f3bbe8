/** Pieces shared by the resources of the API: references between schemas, families, counters, times. */
import { Type, type Static, type TNull, type TSchema } from 'typebox';
import type { Clock, TrafficCounter } from '../../controller/ports.js';

/** Both clocks of the controller: engine times are monotonic, people want the wall clock. */
export type ApiClock = Pick<Clock, 'nowUs' | 'wallMs'>;

/** A reference to a schema that has an `$id`; it becomes a named component of the OpenAPI document. */
export function reference<T extends TSchema & { $id?: string }>(schema: T): ReturnType<typeof Type.Unsafe<Static<T>>> {
  if (schema.$id === undefined) throw new Error('only a schema with an $id can be referred to');
  return Type.Unsafe<Static<T>>({ $ref: `${schema.$id}#` });
}

/** An object that has exactly these fields. */
export const closed = { additionalProperties: false } as const;

export function nullable<T extends TSchema>(
  schema: T,
  options: { description?: string } = {},
): ReturnType<typeof Type.Union<[T, TNull]>> {
  return Type.Union([schema, Type.Null()], options);
}

export const FamilySchema = Type.Enum([4, 6], { description: 'IP version' });

export const CounterSchema = Type.String({
  pattern: '^[0-9]+$',
  description: '64-bit counter as a decimal string: JSON numbers lose digits above 2^53',
});

export const TrafficSchema = Type.Object({ packets: CounterSchema, bytes: CounterSchema }, closed);

export const TimeSchema = Type.String({ format: 'date-time', description: 'wall clock, RFC 3339' });

export function presentTraffic(traffic: TrafficCounter): Static<typeof TrafficSchema> {
  return { packets: traffic.packets.toString(), bytes: traffic.bytes.toString() };
}

/** Wall-clock time (RFC 3339) of a monotonic time, as far as the two clocks agree now. */
export function presentTime(atUs: number, clock: ApiClock): string {
  return new Date(clock.wallMs() + (atUs - clock.nowUs()) / 1000).toISOString();
}
