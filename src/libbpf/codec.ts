/**
 * Codecs between C values, as BTF describes them, and JavaScript values:
 *
 *   integers up to 32 bits, enums      number (bool: boolean)
 *   64-bit integers, pointers          bigint
 *   char[N]                            string (NUL-terminated within N bytes)
 *   unsigned char[N] (u8[N])           Uint8Array of N bytes
 *   other arrays                       array
 *   struct                             object with the C field names; fields named pad... or without a name are left out
 *   data sections (.bss, ...)          object with the variables' names
 *   union                              object with every member; encoding writes the members that are present
 *
 * Host byte order throughout (little-endian: elf.ts refuses others).
 */
import type { Btf, BtfMember, BtfType } from './btf.js';
import { cString } from './elf.js';

export interface Codec<T> {
  readonly size: number;
  decode(view: DataView, offset: number): T;
  /** Writes exactly `size` bytes. @throws TypeError or RangeError naming the field that does not fit. */
  encode(view: DataView, offset: number, value: T): void;
}

export const u32Codec: Codec<number> = integerCodec(4, false) as Codec<number>;
export const u64Codec: Codec<bigint> = integerCodec(8, false) as Codec<bigint>;

/** Raw bytes of a fixed length; decoding copies. */
export function bytesCodec(size: number): Codec<Uint8Array> {
  return {
    size,
    decode: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, size).slice(),
    encode(view, offset, value) {
      if (!(value instanceof Uint8Array) || value.length !== size) {
        throw new RangeError(`expected a Uint8Array of ${size} bytes, got ${describe(value)}`);
      }
      new Uint8Array(view.buffer, view.byteOffset + offset, size).set(value);
    },
  };
}

/** The codec for a BTF type. @throws Error for types that have no value (functions, incomplete types). */
export function btfCodec(btf: Btf, typeId: number): Codec<unknown> {
  const type = btf.resolve(typeId);
  if (type.kind === 'int') return type.bool ? boolCodec : integerCodec(type.size, type.signed);
  if (type.kind === 'enum') return integerCodec(type.size, type.signed);
  if (type.kind === 'ptr') return u64Codec;
  if (type.kind === 'float') return floatCodec(type.size);
  if (type.kind === 'array') return arrayCodec(btf, type);
  if (type.kind === 'struct' || type.kind === 'union') return recordCodec(btf, type);
  if (type.kind === 'datasec') {
    return recordCodec(btf, { ...type, kind: 'struct', members: sectionMembers(btf, type) });
  }
  throw new Error(`no codec for BTF type ${typeId}: ${type.kind} ${type.name}`);
}

/** When a map has no BTF for its key or value: u32 and u64 by size, otherwise bytes. */
export function plainCodec(size: number): Codec<unknown> {
  if (size === 4) return u32Codec;
  if (size === 8) return u64Codec;
  return bytesCodec(size);
}

const boolCodec: Codec<unknown> = {
  size: 1,
  decode: (view, offset) => view.getUint8(offset) !== 0,
  encode: (view, offset, value) => view.setUint8(offset, value ? 1 : 0),
};

function integerCodec(size: number, signed: boolean): Codec<unknown> {
  switch (size) {
    case 1:
    case 2:
    case 4:
      return smallIntegerCodec(size, signed);
    case 8:
      return bigIntegerCodec(signed);
    default:
      return bytesCodec(size); // __int128
  }
}

function smallIntegerCodec(size: 1 | 2 | 4, signed: boolean): Codec<unknown> {
  const bits = size * 8;
  const minimum = signed ? -(2 ** (bits - 1)) : 0;
  const maximum = 2 ** (signed ? bits - 1 : bits) - 1;
  const check = (value: unknown): number => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < minimum || value > maximum) {
      throw new RangeError(`expected an integer ${minimum}..${maximum}, got ${describe(value)}`);
    }
    return value;
  };
  const decode = {
    1: (view: DataView, offset: number) => (signed ? view.getInt8(offset) : view.getUint8(offset)),
    2: (view: DataView, offset: number) => (signed ? view.getInt16(offset, true) : view.getUint16(offset, true)),
    4: (view: DataView, offset: number) => (signed ? view.getInt32(offset, true) : view.getUint32(offset, true)),
  }[size];
  // The unsigned setters store the same bits for a negative number.
  const encode = {
    1: (view: DataView, offset: number, value: unknown) => view.setUint8(offset, check(value)),
    2: (view: DataView, offset: number, value: unknown) => view.setUint16(offset, check(value), true),
    4: (view: DataView, offset: number, value: unknown) => view.setUint32(offset, check(value), true),
  }[size];
  return { size, decode, encode };
}

function bigIntegerCodec(signed: boolean): Codec<unknown> {
  return {
    size: 8,
    decode: (view, offset) => (signed ? view.getBigInt64(offset, true) : view.getBigUint64(offset, true)),
    encode(view, offset, value) {
      const fits =
        typeof value === 'bigint' && (signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) === value;
      if (!fits)
        throw new RangeError(`expected ${signed ? 'a signed' : 'an unsigned'} 64-bit bigint, got ${describe(value)}`);
      view.setBigUint64(offset, BigInt.asUintN(64, value), true);
    },
  };
}

function floatCodec(size: number): Codec<unknown> {
  if (size === 4) {
    return {
      size,
      decode: (view, offset) => view.getFloat32(offset, true),
      encode: (view, offset, value) => view.setFloat32(offset, value as number, true),
    };
  }
  if (size === 8) {
    return {
      size,
      decode: (view, offset) => view.getFloat64(offset, true),
      encode: (view, offset, value) => view.setFloat64(offset, value as number, true),
    };
  }
  return bytesCodec(size);
}

function arrayCodec(btf: Btf, type: Extract<BtfType, { kind: 'array' }>): Codec<unknown> {
  const element = btf.resolve(type.element);
  if (element.kind === 'int' && element.size === 1) {
    // clang describes both `char` and `signed char` as signed; `unsigned char` is what the kernel calls u8.
    return element.signed || element.char ? stringCodec(type.length) : bytesCodec(type.length);
  }
  const inner = btfCodec(btf, type.element);
  return {
    size: inner.size * type.length,
    decode: (view, offset) =>
      Array.from({ length: type.length }, (_, index) => inner.decode(view, offset + index * inner.size)),
    encode(view, offset, value) {
      if (!Array.isArray(value) || value.length !== type.length) {
        throw new RangeError(`expected an array of ${type.length}, got ${describe(value)}`);
      }
      value.forEach((item, index) =>
        inField(`[${index}]`, () => inner.encode(view, offset + index * inner.size, item)),
      );
    },
  };
}

function stringCodec(size: number): Codec<unknown> {
  return {
    size,
    decode: (view, offset) => cString(new Uint8Array(view.buffer, view.byteOffset + offset, size), 0),
    encode(view, offset, value) {
      const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : null;
      if (!bytes || bytes.length >= size) {
        throw new RangeError(`expected a string of less than ${size} bytes, got ${describe(value)}`);
      }
      new Uint8Array(view.buffer, view.byteOffset + offset, size).fill(0).set(bytes);
    },
  };
}

interface Field {
  name: string;
  offset: number;
  codec: Codec<unknown>;
}

function recordCodec(btf: Btf, type: Extract<BtfType, { kind: 'struct' | 'union' }>): Codec<unknown> {
  const fields: Field[] = type.members.flatMap((member) => fieldsOf(btf, member));
  const isUnion = type.kind === 'union';
  return {
    size: type.size,
    decode(view, offset) {
      const record: Record<string, unknown> = {};
      for (const field of fields) record[field.name] = field.codec.decode(view, offset + field.offset);
      return record;
    },
    encode(view, offset, value) {
      if (typeof value !== 'object' || value === null)
        throw new TypeError(`expected an object, got ${describe(value)}`);
      const record = value as Record<string, unknown>;
      for (const name of Object.keys(record)) {
        if (!fields.some((field) => field.name === name)) {
          throw new TypeError(`${type.kind} ${type.name} has no field ${name}`);
        }
      }
      new Uint8Array(view.buffer, view.byteOffset + offset, type.size).fill(0);
      for (const field of fields) {
        if (isUnion && !(field.name in record)) continue;
        inField(field.name, () => field.codec.encode(view, offset + field.offset, record[field.name]));
      }
    },
  };
}

/** The variables of .bss, .data or .rodata as if they were the fields of a structure. */
function sectionMembers(btf: Btf, section: Extract<BtfType, { kind: 'datasec' }>): BtfMember[] {
  return section.variables.map(({ type, offset }) => ({
    name: btf.type(type).name,
    type,
    bitOffset: offset * 8,
    bitSize: 0,
  }));
}

/** An anonymous struct or union lends its members to the one around it, as in C. */
function fieldsOf(btf: Btf, member: BtfMember): Field[] {
  const offset = Math.floor(member.bitOffset / 8);
  const type = btf.resolve(member.type);
  if (member.name === '' && (type.kind === 'struct' || type.kind === 'union')) {
    return type.members
      .flatMap((inner) => fieldsOf(btf, inner))
      .map((field) => ({ ...field, offset: field.offset + offset }));
  }
  if (member.name === '' || /^_*pad(ding)?[0-9]*$/.test(member.name)) return [];
  if (member.bitSize !== 0) return [bitField(member)];
  return [{ name: member.name, offset, codec: btfCodec(btf, member.type) }];
}

/** Bit fields are read byte by byte: they may straddle what their declared type would be aligned to. */
function bitField(member: BtfMember): Field {
  const offset = Math.floor(member.bitOffset / 8);
  const shift = BigInt(member.bitOffset % 8);
  const bytes = Math.ceil(((member.bitOffset % 8) + member.bitSize) / 8);
  const mask = (1n << BigInt(member.bitSize)) - 1n;
  const read = (view: DataView, at: number): bigint => {
    let word = 0n;
    for (let index = bytes - 1; index >= 0; index--) word = (word << 8n) | BigInt(view.getUint8(at + index));
    return word;
  };
  return {
    name: member.name,
    offset,
    codec: {
      size: bytes,
      decode: (view, at) => Number((read(view, at) >> shift) & mask),
      encode(view, at, value) {
        if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || BigInt(value) > mask) {
          throw new RangeError(`expected an integer 0..${mask}, got ${describe(value)}`);
        }
        let word = (read(view, at) & ~(mask << shift)) | (BigInt(value) << shift);
        for (let index = 0; index < bytes; index++, word >>= 8n) view.setUint8(at + index, Number(word & 0xffn));
      },
    },
  };
}

/** @internal Puts the field's name before the message of an error, so that nested records name the whole path. */
export function inField(name: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) {
      const separator = /^[a-zA-Z_0-9.[\]]+: /.test(error.message) ? (error.message.startsWith('[') ? '' : '.') : ': ';
      error.message = `${name}${separator}${error.message}`;
    }
    throw error;
  }
}

function describe(value: unknown): string {
  if (value instanceof Uint8Array) return `a Uint8Array of ${value.length} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
