/**
 * Builders for the schema's leaves. Each leaf says, besides its JSON Schema rule, its unit (`x-unit`) and, where the
 * rule does not read well, what is expected in words (`x-expected`). validate.ts and reference.ts read them back.
 */
/* eslint-disable @typescript-eslint/explicit-module-boundary-types -- the inferred types are what Static<> reads */
import Type from 'typebox';
import { FORWARDING_DEFAULT } from './defaults.js';

interface Words {
  description: string;
  /** What the value is, for "must be ...". */
  'x-expected'?: string;
  /** Default that depends on other fields, in words; shown where there is no fixed `default`. */
  'x-default'?: string;
  'x-unit'?: string;
  examples?: unknown[];
}

interface NumberWords extends Words {
  minimum: number;
  maximum: number;
  default?: number;
}

/** Names of uplinks and groups: they become parts of URLs, metric labels and file names. */
const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$';
const NAME_EXPECTED = '1 to 32 letters, digits, "-" or "_", starting with a letter or digit';

export const integer = (words: NumberWords) => Type.Integer({ ...words });
export const number = (words: NumberWords) => Type.Number({ ...words });
export const milliseconds = (words: NumberWords) => Type.Integer({ 'x-unit': 'ms', ...words });
export const flag = (words: Words & { default?: boolean }) => Type.Boolean({ ...words });

export const name = (words: Words) => Type.String({ pattern: NAME_PATTERN, 'x-expected': NAME_EXPECTED, ...words });

/** IFNAMSIZ less the terminating zero; the kernel refuses "/", blanks and ":" (dev_valid_name). */
export const interfaceName = (words: Words) =>
  Type.String({
    pattern: '^(?!\\.{1,2}$)[^/:\\s]{1,15}$',
    'x-expected': 'an interface name of 1 to 15 characters without "/", ":" and blanks',
    examples: ['eth0'],
    ...words,
  });

/** Text that resolve.ts parses: an address, a prefix... The JSON Schema only knows that it is text. */
export const text = (words: Words & { default?: string; minLength?: number; maxLength?: number; pattern?: string }) =>
  Type.String({ minLength: 1, maxLength: 256, ...words });

export const address = (words: Words) =>
  Type.String({ minLength: 2, maxLength: 45, 'x-expected': 'an IPv4 or IPv6 address', ...words });

export const ipv4 = (words: Words) => Type.String({ format: 'ipv4', 'x-expected': 'an IPv4 address', ...words });
export const ipv6 = (words: Words) => Type.String({ format: 'ipv6', 'x-expected': 'an IPv6 address', ...words });

export const port = (words: Words & { default?: number }) => Type.Integer({ minimum: 1, maximum: 65_535, ...words });

/** A mapping with these keys and no other. */
export const mapping = <P extends Type.TProperties>(properties: P, words: Words) =>
  Type.Object(properties, { additionalProperties: false, ...words });

/** A mapping from names that the user chooses. */
export const byName = <S extends Type.TSchema>(item: S, words: Words & { maxProperties?: number }) =>
  Type.Record(Type.String({ pattern: NAME_PATTERN }), item, {
    additionalProperties: false,
    minProperties: 1,
    'x-expected-key': NAME_EXPECTED,
    ...words,
  });

export const list = <S extends Type.TSchema>(
  item: S,
  words: Words & { minItems?: number; maxItems?: number; default?: unknown[] },
) => Type.Array(item, { ...words });

export const oneOf = <V extends string>(
  values: readonly V[],
  words: Words & { default?: NoInfer<V> },
): Type.TEnum<V[]> => Type.Enum<V[]>([...values], { ...words });

export const optional = Type.Optional;

/** Of uplinks and of the other interfaces. */
export const forwardingSchema = oneOf(['auto', 'xdp', 'stack'], {
  default: FORWARDING_DEFAULT,
  description:
    'Who forwards what comes in or leaves here. `auto`: XDP, or the stack while netfilter (nftables, iptables) has rules ' +
    'for forwarded packets, which XDP bypasses: NAT, a firewall. `xdp`: XDP whatever rules there are. `stack`: never XDP.',
});
