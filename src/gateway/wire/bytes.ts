/** Numbers in network byte order, machine ids and addresses, read and written with their bounds checked. */
import { IpAddress, type Family } from '../../net/ip-address.js';
import type { MachineId } from './types.js';

export const ID_BYTES = 16;

/** Why received bytes are not a message; stays inside this directory: decode() makes a result of it. */
export class Malformed extends Error {}

/** A view: nothing is copied. */
export const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Lower-case hex of `length` bytes. */
export const hexAt = (bytes: Uint8Array, offset: number, length: number): string =>
  bufferOf(bytes).toString('hex', offset, offset + length);

export const allZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** All zero: what stands for no machine in particular. */
export const isNobody = (id: MachineId): boolean => /^0+$/.test(id);

/** Reads one value from start to end; every read throws Malformed where the value is too short for it. */
export class ByteReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #offset: number;

  /** @param start @param end of the value in `bytes`; default: all of them */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bufferOf(bytes);
    this.#offset = start;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#advance(1));
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#advance(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  u64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#advance(8));
  }

  /** Reserved bytes are ignored, so that a later version can use them. */
  skip(length: number): void {
    this.#advance(length);
  }

  /** Not copied. */
  take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A reader of these bytes alone. */
  part(length: number): ByteReader {
    const start = this.#advance(length);
    return new ByteReader(this.#bytes, start, start + length);
  }

  id(): MachineId {
    const start = this.#advance(ID_BYTES);
    const id = this.#bytes.toString('hex', start, start + ID_BYTES);
    if (isNobody(id)) throw new Malformed('an id is all zero');
    return id;
  }

  family(): Family {
    const family = this.u8();
    if (family !== 4 && family !== 6) throw new Malformed(`no address family is ${family}`);
    return family;
  }

  address(family: Family): IpAddress {
    return IpAddress.fromBytes(this.take(family === 4 ? 4 : 16));
  }

  #advance(length: number): number {
    if (this.remaining < length) throw new Malformed('too short');
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}

/** Writes into a buffer of a fixed size; a number that does not fit its field, or a full buffer, is a RangeError. */
export class ByteWriter {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.alloc(capacity);
  }

  get length(): number {
    return this.#offset;
  }

  u8(value: number): void {
    this.#bytes.writeUInt8(checked(value, 8), this.#advance(1));
  }

  u16(value: number): void {
    this.#bytes.writeUInt16BE(checked(value, 16), this.#advance(2));
  }

  u32(value: number): void {
    this.#bytes.writeUInt32BE(checked(value, 32), this.#advance(4));
  }

  u64(value: bigint): void {
    this.#bytes.writeBigUInt64BE(value, this.#advance(8));
  }

  reserved(length: number): void {
    this.#advance(length);
  }

  put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#advance(bytes.length));
  }

  id(id: MachineId): void {
    if (!/^[0-9a-f]{32}$/.test(id) || isNobody(id)) {
      throw new RangeError(`"${id}" is not an id: expected 32 hex digits, not all zero`);
    }
    this.put(Buffer.from(id, 'hex'));
  }

  /** Fills in a 16-bit length that is known only afterwards. */
  patchU16(offset: number, value: number): void {
    this.#bytes.writeUInt16BE(value, offset);
  }

  /** What was written so far; a view. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#offset);
  }

  #advance(length: number): number {
    const start = this.#offset;
    if (start + length > this.#bytes.length) throw new RangeError(`longer than ${this.#bytes.length} bytes`);
    this.#offset += length;
    return start;
  }
}

/** Buffer's own check takes fractions and rounds them. */
function checked(value: number, bits: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
    throw new RangeError(`${value} is not a number of ${bits} bits`);
  }
  return value;
}
