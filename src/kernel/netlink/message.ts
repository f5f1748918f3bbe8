/**
 * Netlink framing: struct nlmsghdr and attributes (struct nlattr), written and read.
 *
 * Numbers in netlink are in host order; the hosts Detour runs on (x86-64, arm64, riscv64) are little-endian, and so is
 * this codec. Addresses are bytes in network order and are copied as they are.
 */

export const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
const NLA_F_NESTED = 0x8000;
/** Without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const NLA_TYPE_MASK = 0x3fff;

const align4 = (length: number): number => (length + 3) & ~3;

/** One request: what follows the header is written by `body`. */
export interface NetlinkRequest {
  type: number;
  flags: number;
  body: (writer: MessageWriter) => void;
}

export interface NetlinkMessage {
  type: number;
  flags: number;
  sequence: number;
  /** Of notifications: the port of the socket whose request caused it, 0 for the kernel itself. */
  portId: number;
  /** Fixed part and attributes; a view of the datagram, valid only during the callback. */
  payload: Buffer;
}

/** Attribute values by type; of an attribute that occurs twice the last counts, as in the kernel's nla_parse. */
export type Attributes = Map<number, Buffer>;

/** Appends messages to one growing buffer; `take` hands out what is complete. */
export class MessageWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(initialBytes = 4096) {
    this.#buffer = Buffer.alloc(initialBytes);
  }

  get length(): number {
    return this.#length;
  }

  message(request: NetlinkRequest, sequence: number): void {
    const start = this.#length;
    this.#reserve(HEADER_BYTES);
    request.body(this);
    this.#buffer.writeUInt32LE(this.#length - start, start);
    this.#buffer.writeUInt16LE(request.type, start + 4);
    this.#buffer.writeUInt16LE(request.flags, start + 6);
    this.#buffer.writeUInt32LE(sequence, start + 8);
    this.#buffer.writeUInt32LE(0, start + 12);
  }

  /** Raw bytes, padded to 4: the fixed structure in front of the attributes. */
  bytes(value: Uint8Array): this {
    const at = this.#reserve(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  attribute(type: number, value: Uint8Array): this {
    const at = this.#reserve(ATTRIBUTE_HEADER_BYTES + value.length);
    this.#buffer.writeUInt16LE(ATTRIBUTE_HEADER_BYTES + value.length, at);
    this.#buffer.writeUInt16LE(type, at + 2);
    this.#buffer.set(value, at + ATTRIBUTE_HEADER_BYTES);
    return this;
  }

  attributeU8(type: number, value: number): this {
    return this.attribute(type, Uint8Array.of(value));
  }

  attributeU32(type: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    return this.attribute(type, bytes);
  }

  attributeString(type: number, value: string): this {
    return this.attribute(type, Buffer.from(`${value}\0`));
  }

  nested(type: number, write: (writer: MessageWriter) => void): this {
    const at = this.#reserve(ATTRIBUTE_HEADER_BYTES);
    write(this);
    this.#buffer.writeUInt16LE(this.#length - at, at);
    this.#buffer.writeUInt16LE(type | NLA_F_NESTED, at + 2);
    return this;
  }

  /** Everything written until now, as a copy; the writer is empty afterwards. */
  take(): Buffer {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return bytes;
  }

  /** Offset of `size` new bytes; the padding behind them is zero. */
  #reserve(size: number): number {
    const at = this.#length;
    const end = at + align4(size);
    if (end > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(end, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    this.#buffer.fill(0, at, end);
    this.#length = end;
    return at;
  }
}

/** The messages of one datagram. Ends at the first one whose length contradicts the datagram. */
export function* readMessages(datagram: Buffer): Generator<NetlinkMessage> {
  let offset = 0;
  while (offset + HEADER_BYTES <= datagram.length) {
    const length = datagram.readUInt32LE(offset);
    if (length < HEADER_BYTES || offset + length > datagram.length) return;
    yield {
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      sequence: datagram.readUInt32LE(offset + 8),
      portId: datagram.readUInt32LE(offset + 12),
      payload: datagram.subarray(offset + HEADER_BYTES, offset + length),
    };
    offset += align4(length);
  }
}

/** The attributes from `offset` on. Ends at the first one whose length contradicts the buffer. */
export function readAttributes(buffer: Buffer, offset = 0): Attributes {
  const attributes: Attributes = new Map();
  walkAttributes(buffer, offset, (type, value) => attributes.set(type, value));
  return attributes;
}

/** Like readAttributes, in order and with repetitions: for lists. */
export function readAttributeList(buffer: Buffer, offset = 0): [type: number, value: Buffer][] {
  const list: [number, Buffer][] = [];
  walkAttributes(buffer, offset, (type, value) => list.push([type, value]));
  return list;
}

/** A callback and no generator: this runs for every attribute of every route of a dump. */
function walkAttributes(buffer: Buffer, offset: number, visit: (type: number, value: Buffer) => void): void {
  let at = offset;
  while (at + ATTRIBUTE_HEADER_BYTES <= buffer.length) {
    const length = buffer.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > buffer.length) return;
    visit(buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK, buffer.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length));
    at += align4(length);
  }
}

/** Values that are too short count as absent. */
export function u8Of(attributes: Attributes, type: number): number | null {
  const value = attributes.get(type);
  return value && value.length >= 1 ? value.readUInt8(0) : null;
}

export function u16Of(attributes: Attributes, type: number): number | null {
  const value = attributes.get(type);
  return value && value.length >= 2 ? value.readUInt16LE(0) : null;
}

export function u32Of(attributes: Attributes, type: number): number | null {
  const value = attributes.get(type);
  return value && value.length >= 4 ? value.readUInt32LE(0) : null;
}

export function i32Of(attributes: Attributes, type: number): number | null {
  const value = attributes.get(type);
  return value && value.length >= 4 ? value.readInt32LE(0) : null;
}

export function u64Of(attributes: Attributes, type: number): bigint | null {
  const value = attributes.get(type);
  return value && value.length >= 8 ? value.readBigUInt64LE(0) : null;
}

/** A string ends at its first NUL. */
export function stringOf(attributes: Attributes, type: number): string | null {
  const value = attributes.get(type);
  if (!value) return null;
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
}
