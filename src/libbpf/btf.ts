/**
 * BTF, the type information of BPF objects and of the kernel, in pure TypeScript.
 * Source: Documentation/bpf/btf.rst and include/uapi/linux/btf.h of Linux 6.1; unknown kinds are an error, because
 * their length is not known. Little-endian only, as elf.ts.
 */
import { readFileSync } from 'node:fs';
import { cString, elfSection } from './elf.js';
import { messageOf } from './errors.js';

export interface BtfMember {
  name: string;
  type: number;
  bitOffset: number;
  /** 0: not a bit field. */
  bitSize: number;
}

export interface BtfEnumerator {
  name: string;
  value: bigint;
}

export interface BtfVariableSection {
  /** Type id of a 'var'. */
  type: number;
  offset: number;
  size: number;
}

/** Forwarding kinds ("const", "typedef", ...) name another type by id; id 0 is void. */
export type BtfType = { id: number; name: string } & (
  | { kind: 'void' }
  | { kind: 'int'; size: number; signed: boolean; char: boolean; bool: boolean; bits: number }
  | { kind: 'float'; size: number }
  | { kind: 'array'; element: number; length: number }
  | { kind: 'struct'; size: number; members: BtfMember[] }
  | { kind: 'union'; size: number; members: BtfMember[] }
  | { kind: 'enum'; size: number; signed: boolean; values: BtfEnumerator[] }
  | { kind: 'datasec'; size: number; variables: BtfVariableSection[] }
  | { kind: 'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'func' | 'var' | 'type_tag'; type: number }
  | { kind: 'decl_tag'; type: number; component: number }
  | { kind: 'func_proto'; type: number; parameters: { name: string; type: number }[] }
  | { kind: 'fwd'; union: boolean }
);

type BtfKind = BtfType['kind'];

const MAGIC = 0xeb9f;
const VERSION = 1;
/** Index = BTF_KIND_*. */
const KINDS = [
  'void',
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
] as const;

/** Kinds that have the layout of the type they name. */
const TRANSPARENT_KINDS: ReadonlySet<BtfKind> = new Set([
  'typedef',
  'volatile',
  'const',
  'restrict',
  'var',
  'type_tag',
  'decl_tag',
]);
/** Longer chains than any compiler makes: a cycle. */
const MAX_DEPTH = 64;

export class Btf {
  readonly #types: BtfType[];
  readonly #byName = new Map<string, BtfType>();

  private constructor(types: BtfType[]) {
    this.#types = types;
    for (const type of types) {
      const key = `${type.kind} ${type.name}`;
      if (type.name && !this.#byName.has(key)) this.#byName.set(key, type);
    }
  }

  /** Parses the contents of a .BTF section. @throws Error on anything malformed. */
  static parse(bytes: Uint8Array): Btf {
    return new Btf(new BtfReader(bytes).readTypes());
  }

  /** Reads the .BTF section of a BPF object file. @throws Error naming the file when there is none. */
  static fromElfFile(path: string): Btf {
    try {
      const section = elfSection(readFileSync(path), '.BTF');
      if (!section) throw new Error('no .BTF section (compile with -g)');
      return Btf.parse(section);
    } catch (error) {
      throw new Error(`${path}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** All types in order of their ids; [0] is void. */
  get types(): readonly BtfType[] {
    return this.#types;
  }

  /** @throws RangeError when the id is not in this BTF. */
  type(id: number): BtfType {
    const type = this.#types[id];
    if (!type) throw new RangeError(`BTF has no type ${id} (it has ${this.#types.length})`);
    return type;
  }

  /** First type of that kind and name, or null. An enum64 is an 'enum' of size 8. */
  find<K extends BtfKind>(kind: K, name: string): (BtfType & { kind: K }) | null {
    return (this.#byName.get(`${kind} ${name}`) ?? null) as (BtfType & { kind: K }) | null;
  }

  /** Follows typedefs, qualifiers, variables and tags to the type that has a layout. */
  resolve(id: number): BtfType {
    let type = this.type(id);
    for (let depth = 0; TRANSPARENT_KINDS.has(type.kind) && 'type' in type; depth++) {
      if (depth > MAX_DEPTH) throw new Error(`BTF type ${id} refers to itself`);
      type = this.type(type.type);
    }
    return type;
  }

  /** sizeof, in bytes. @throws Error for types without a size (functions, incomplete types). */
  sizeOf(id: number): number {
    const type = this.resolve(id);
    if ('size' in type) return type.size;
    if (type.kind === 'ptr') return 8;
    if (type.kind === 'array') return type.length * this.sizeOf(type.element);
    throw new Error(`BTF type ${id} (${type.kind} ${type.name || 'without a name'}) has no size`);
  }
}

/** One pass over the type section. */
class BtfReader {
  readonly #view: DataView;
  readonly #strings: Uint8Array;
  readonly #end: number;
  #position: number;

  constructor(bytes: Uint8Array) {
    if (bytes.byteLength < 24) throw new Error('BTF is shorter than its header');
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const magic = this.#view.getUint16(0, true);
    if (magic !== MAGIC) throw new Error(`BTF magic is 0x${magic.toString(16)}, not 0xeb9f`);
    const version = this.#view.getUint8(2);
    if (version !== VERSION) throw new Error(`BTF version ${version} is not supported, only ${VERSION}`);
    const headerBytes = this.#view.getUint32(4, true);
    const typeOffset = headerBytes + this.#view.getUint32(8, true);
    const typeBytes = this.#view.getUint32(12, true);
    const stringOffset = headerBytes + this.#view.getUint32(16, true);
    const stringBytes = this.#view.getUint32(20, true);
    if (typeOffset + typeBytes > bytes.byteLength || stringOffset + stringBytes > bytes.byteLength) {
      throw new Error('BTF sections lie outside the data (is it truncated?)');
    }
    this.#position = typeOffset;
    this.#end = typeOffset + typeBytes;
    this.#strings = bytes.subarray(stringOffset, stringOffset + stringBytes);
  }

  readTypes(): BtfType[] {
    const types: BtfType[] = [{ id: 0, name: '', kind: 'void' }];
    while (this.#position < this.#end) types.push(this.#readType(types.length));
    return types;
  }

  #u32(): number {
    if (this.#position + 4 > this.#end) throw new Error('BTF type section ends in the middle of a type');
    const value = this.#view.getUint32(this.#position, true);
    this.#position += 4;
    return value;
  }

  #string(offset: number): string {
    return offset === 0 ? '' : cString(this.#strings, offset);
  }

  #many<T>(count: number, read: () => T): T[] {
    return Array.from({ length: count }, read);
  }

  #readType(id: number): BtfType {
    const name = this.#string(this.#u32());
    const info = this.#u32();
    const sizeOrType = this.#u32();
    const count = info & 0xffff;
    const flag = info >>> 31 === 1;
    const kind = KINDS[(info >>> 24) & 0x1f] ?? 'void';
    switch (kind) {
      case 'int': {
        const encoding = this.#u32();
        const traits = (encoding >>> 24) & 0xf;
        const bits = encoding & 0xff;
        return {
          id,
          name,
          kind,
          size: sizeOrType,
          signed: (traits & 1) !== 0,
          char: (traits & 2) !== 0,
          bool: (traits & 4) !== 0,
          bits,
        };
      }
      case 'float':
        return { id, name, kind, size: sizeOrType };
      case 'array': {
        const element = this.#u32();
        this.#u32(); // type of the index: always an int
        return { id, name, kind, element, length: this.#u32() };
      }
      case 'struct':
      case 'union':
        return { id, name, kind, size: sizeOrType, members: this.#many(count, () => this.#readMember(flag)) };
      case 'enum':
      case 'enum64':
        return {
          id,
          name,
          kind: 'enum',
          size: sizeOrType,
          signed: flag,
          values: this.#many(count, () => this.#readEnumerator(kind === 'enum64', flag)),
        };
      case 'datasec':
        return {
          id,
          name,
          kind,
          size: sizeOrType,
          variables: this.#many(count, () => ({ type: this.#u32(), offset: this.#u32(), size: this.#u32() })),
        };
      case 'var':
        this.#u32(); // linkage: of no use to a reader
        return { id, name, kind, type: sizeOrType };
      case 'decl_tag':
        return { id, name, kind, type: sizeOrType, component: this.#u32() | 0 };
      case 'func_proto':
        return {
          id,
          name,
          kind,
          type: sizeOrType,
          parameters: this.#many(count, () => ({ name: this.#string(this.#u32()), type: this.#u32() })),
        };
      case 'fwd':
        return { id, name, kind, union: flag };
      case 'ptr':
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'func':
      case 'type_tag':
        return { id, name, kind, type: sizeOrType };
      case 'void':
        throw new Error(`BTF type ${id} has the unknown kind ${(info >>> 24) & 0x1f}`);
    }
  }

  #readMember(bitFields: boolean): BtfMember {
    const name = this.#string(this.#u32());
    const type = this.#u32();
    const offset = this.#u32();
    return bitFields
      ? { name, type, bitOffset: offset & 0xffffff, bitSize: offset >>> 24 }
      : { name, type, bitOffset: offset, bitSize: 0 };
  }

  #readEnumerator(wide: boolean, signed: boolean): BtfEnumerator {
    const name = this.#string(this.#u32());
    const low = this.#u32();
    const bits = wide ? (BigInt(this.#u32()) << 32n) | BigInt(low) : BigInt(low);
    const width = wide ? 64 : 32;
    return { name, value: signed ? BigInt.asIntN(width, bits) : bits };
  }
}
