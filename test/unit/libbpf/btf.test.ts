/** The BTF parser, the ELF reader and the codecs, on BTF that is written out here byte by byte. */
import { describe, expect, test } from 'vitest';
import { Btf } from '../../../src/libbpf/btf.js';
import { btfCodec, type Codec } from '../../../src/libbpf/codec.js';
import { elfSection } from '../../../src/libbpf/elf.js';

const KIND = {
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  typedef: 8,
  const: 10,
  var: 14,
  datasec: 15,
  enum64: 19,
};

/** Builds BTF: each type is [kind, name, size or type, words after it, vlen, kind flag]. */
class BtfWriter {
  readonly #words: number[] = [];
  #strings = '\0';
  #count = 0;

  string(text: string): number {
    if (text === '') return 0;
    const offset = this.#strings.length;
    this.#strings += `${text}\0`;
    return offset;
  }

  add(kind: keyof typeof KIND, name: string, sizeOrType: number, extra: number[] = [], vlen = 0, flag = 0): number {
    this.#words.push(this.string(name), ((flag << 31) | (KIND[kind] << 24) | vlen) >>> 0, sizeOrType, ...extra);
    return ++this.#count;
  }

  int(name: string, size: number, encoding = 0): number {
    return this.add('int', name, size, [((encoding << 24) | (size * 8)) >>> 0]);
  }

  struct(
    name: string,
    size: number,
    members: [string, number, number, number?][],
    kind: 'struct' | 'union' = 'struct',
  ) {
    const bitFields = members.some((member) => member[3]);
    const words = members.flatMap(([member, type, bitOffset, bits]) => [
      this.string(member),
      type,
      bitFields ? (((bits ?? 0) << 24) | bitOffset) >>> 0 : bitOffset,
    ]);
    return this.add(kind, name, size, words, members.length, bitFields ? 1 : 0);
  }

  bytes(): Uint8Array {
    const types = Buffer.from(Uint32Array.from(this.#words).buffer);
    const header = Buffer.alloc(24);
    header.writeUInt16LE(0xeb9f, 0);
    header.writeUInt8(1, 2);
    header.writeUInt32LE(24, 4);
    header.writeUInt32LE(types.length, 12);
    header.writeUInt32LE(types.length, 16);
    header.writeUInt32LE(this.#strings.length, 20);
    return Buffer.concat([header, types, Buffer.from(this.#strings, 'latin1')]);
  }

  parse(): Btf {
    return Btf.parse(this.bytes());
  }
}

function roundTrip(codec: Codec<unknown>, value: unknown): { hex: string; back: unknown } {
  const view = new DataView(new ArrayBuffer(codec.size));
  codec.encode(view, 0, value);
  return { hex: Buffer.from(view.buffer).toString('hex'), back: codec.decode(view, 0) };
}

describe('the BTF parser', () => {
  test('gives ids in order, with void as 0, and finds types by kind and name', () => {
    const writer = new BtfWriter();
    const u32 = writer.int('unsigned int', 4);
    const alias = writer.add('typedef', '__u32', u32);
    const fixed = writer.add('const', '', alias);
    const btf = writer.parse();
    expect(btf.type(0).kind).toBe('void');
    expect(btf.resolve(fixed)).toMatchObject({ id: u32, kind: 'int', size: 4, signed: false });
    expect(btf.find('typedef', '__u32')?.id).toBe(alias);
    expect(btf.find('struct', '__u32')).toBeNull();
    expect(() => btf.type(4)).toThrow(/no type 4/);
  });

  test('knows sizes, also of arrays of arrays and pointers', () => {
    const writer = new BtfWriter();
    const u16 = writer.int('unsigned short', 2);
    const row = writer.add('array', '', 0, [u16, u16, 3]);
    const table = writer.add('array', '', 0, [row, u16, 5]);
    const pointer = writer.add('ptr', '', u16);
    const btf = writer.parse();
    expect([btf.sizeOf(row), btf.sizeOf(table), btf.sizeOf(pointer)]).toEqual([6, 30, 8]);
    expect(() => btf.sizeOf(0)).toThrow(/has no size/);
  });

  test('reads enumerators of both widths and signs', () => {
    const writer = new BtfWriter();
    writer.add('enum', 'small', 4, [writer.string('MINUS'), 0xffff_ffff], 1, 1);
    writer.add('enum', 'plain', 4, [writer.string('TOP'), 0xffff_ffff], 1, 0);
    writer.add('enum64', 'wide', 8, [writer.string('BIG'), 1, 2], 1, 0);
    const btf = writer.parse();
    expect(btf.find('enum', 'small')?.values).toEqual([{ name: 'MINUS', value: -1n }]);
    expect(btf.find('enum', 'plain')?.values).toEqual([{ name: 'TOP', value: 0xffff_ffffn }]);
    expect(btf.find('enum', 'wide')?.values).toEqual([{ name: 'BIG', value: 0x2_0000_0001n }]);
  });

  test('refuses what is truncated at any byte, foreign or unknown, and never hangs', () => {
    const writer = new BtfWriter();
    const u32 = writer.int('unsigned int', 4);
    writer.struct('pair', 8, [
      ['a', u32, 0],
      ['b', u32, 32],
    ]);
    const whole = writer.bytes();
    for (let length = 0; length < whole.length; length++) {
      expect(() => Btf.parse(whole.subarray(0, length)), `${length} bytes`).toThrow();
    }
    const wrongMagic = Uint8Array.from(whole);
    wrongMagic[0] = 0;
    expect(() => Btf.parse(wrongMagic)).toThrow(/magic/);
    const unknownKind = Uint8Array.from(whole);
    unknownKind[24 + 7] = 31;
    expect(() => Btf.parse(unknownKind)).toThrow(/type 1 has the unknown kind 31/);
  });

  test('refuses a type that refers to itself', () => {
    const writer = new BtfWriter();
    writer.add('const', '', 1);
    expect(() => writer.parse().resolve(1)).toThrow(/refers to itself/);
  });
});

describe('codecs', () => {
  test('encode nested, anonymous and padded structures and leave padding out', () => {
    const writer = new BtfWriter();
    const u8 = writer.int('unsigned char', 1);
    const u16 = writer.int('unsigned short', 2);
    const u64 = writer.int('unsigned long', 8);
    const mac = writer.add('array', '', 0, [u8, u16, 6]);
    const inner = writer.struct('', 8, [
      ['port', u16, 0],
      ['mac', mac, 16],
    ]);
    const outer = writer.struct('outer', 24, [
      ['', inner, 0],
      ['pad', u64, 64],
      ['total', u64, 128],
    ]);
    const value = { port: 0x1234, mac: Uint8Array.of(1, 2, 3, 4, 5, 6), total: 1n };
    const { hex, back } = roundTrip(btfCodec(writer.parse(), outer), value);
    expect(hex).toBe('3412' + '010203040506' + '0000000000000000' + '0100000000000000');
    expect(back).toEqual(value);
  });

  test('keep signs, booleans and strings', () => {
    const writer = new BtfWriter();
    const s16 = writer.int('short', 2, 1);
    const s64 = writer.int('long', 8, 1);
    const bool = writer.int('_Bool', 1, 4);
    const char = writer.int('char', 1, 1);
    const text = writer.add('array', '', 0, [char, s16, 5]);
    const record = writer.struct('record', 24, [
      ['short', s16, 0],
      ['flag', bool, 16],
      ['text', text, 24],
      ['long', s64, 128],
    ]);
    const value = { short: -2, flag: true, text: 'abcd', long: -1n };
    const codec = btfCodec(writer.parse(), record);
    expect(roundTrip(codec, value)).toEqual({
      hex: 'feff' + '01' + '6162636400' + '0'.repeat(16) + 'f'.repeat(16),
      back: value,
    });
    expect(() => roundTrip(codec, { ...value, text: 'abcde' })).toThrow(
      /^text: expected a string of less than 5 bytes/,
    );
    expect(() => roundTrip(codec, { ...value, short: 32_768 })).toThrow('short: expected an integer -32768..32767');
  });

  test('keep bit fields apart', () => {
    const writer = new BtfWriter();
    const u32 = writer.int('unsigned int', 4);
    const flags = writer.struct('flags', 4, [
      ['low', u32, 0, 3],
      ['middle', u32, 3, 10],
      ['high', u32, 13, 19],
    ]);
    const value = { low: 5, middle: 1023, high: 1 };
    expect(roundTrip(btfCodec(writer.parse(), flags), value)).toEqual({ hex: 'fd3f0000', back: value });
    expect(() => roundTrip(btfCodec(writer.parse(), flags), { ...value, low: 8 })).toThrow(
      'low: expected an integer 0..7',
    );
  });

  test('write of a union the members that are given', () => {
    const writer = new BtfWriter();
    const u16 = writer.int('unsigned short', 2);
    const u32 = writer.int('unsigned int', 4);
    const members: [string, number, number][] = [
      ['half', u16, 0],
      ['whole', u32, 0],
    ];
    const either = writer.struct('either', 4, members, 'union');
    const codec = btfCodec(writer.parse(), either);
    expect(roundTrip(codec, { whole: 0x0102_0304 })).toEqual({
      hex: '04030201',
      back: { half: 0x0304, whole: 0x0102_0304 },
    });
  });

  test('name the whole path of a value that does not fit', () => {
    const writer = new BtfWriter();
    const u8 = writer.int('unsigned char', 1);
    const u16 = writer.int('unsigned short', 2);
    const ports = writer.add('array', '', 0, [u16, u8, 2]);
    const inner = writer.struct('inner', 4, [['ports', ports, 0]]);
    const outer = writer.struct('outer', 4, [['inner', inner, 0]]);
    expect(() => roundTrip(btfCodec(writer.parse(), outer), { inner: { ports: [1, -1] } })).toThrow(
      'inner.ports[1]: expected an integer 0..65535, got -1',
    );
  });
});

describe('the ELF reader', () => {
  test('refuses what is not a little-endian ELF64 file', () => {
    expect(() => elfSection(new Uint8Array(10), '.BTF')).toThrow('not an ELF file');
    const wrongClass = new Uint8Array(64);
    wrongClass.set([0x7f, 0x45, 0x4c, 0x46, 1, 1]);
    expect(() => elfSection(wrongClass, '.BTF')).toThrow(/ELF64/);
  });
});
