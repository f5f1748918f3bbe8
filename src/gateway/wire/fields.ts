/** How often a TLV stands in a message, and which property of the message it is. */
import type { Kind } from './kind.js';

/** T: the property's value; several TLVs, or none, may make it up. */
export interface Field<T> {
  kind: Kind<unknown>;
  minimum: number;
  maximum: number;
  /** Two TLVs with the same answer make the message malformed. */
  distinctBy?: (value: unknown) => unknown;
  toValues: (property: T | undefined) => readonly unknown[];
  /** undefined: the message does not have the property. */
  fromValues: (values: readonly unknown[]) => T | undefined;
}

/** Values of a kind only ever go to that same kind: what the type says is lost for the table, not for the callers. */
const untyped = <T>(kind: Kind<T>): Kind<unknown> => kind as Kind<unknown>;

export const once = <T>(kind: Kind<T>): Field<T> => ({
  kind: untyped(kind),
  minimum: 1,
  maximum: 1,
  toValues: (value) => [value],
  fromValues: (values) => values[0] as T,
});

export const optional = <T>(kind: Kind<T>): Field<T> => ({
  ...once(kind),
  minimum: 0,
  toValues: (value) => (value === undefined ? [] : [value]),
});

/** One TLV for each element. */
export const list = <T>(
  kind: Kind<T>,
  [minimum, maximum]: readonly [number, number],
  distinctBy?: (value: T) => unknown,
): Field<T[]> => ({
  kind: untyped(kind),
  minimum,
  maximum,
  distinctBy: distinctBy as ((value: unknown) => unknown) | undefined,
  toValues: (values) => values ?? [],
  fromValues: (values) => values as T[],
});

/** One TLV for the whole list, none for an empty one. */
export const optionalList = <T>(kind: Kind<T[]>): Field<T[]> => ({
  ...optional(kind),
  toValues: (values) => (values === undefined || values.length === 0 ? [] : [values]),
  fromValues: (values) => (values[0] as T[] | undefined) ?? [],
});
