/** One kind of TLV: its type, and how its value is read and written. Section 3.4. */
import type { ByteReader, ByteWriter } from './bytes.js';

/** Highest bit of a type: who does not know it must not take the message. */
export const CRITICAL = 0x8000;
/** Type and length. */
export const TLV_HEADER_BYTES = 4;
/** The last one of each message. */
export const AUTH = 0x80ff;
/** AUTH included. */
export const MAXIMUM_TLVS = 32;

export interface Kind<T> {
  type: number;
  name: string;
  /** A longer value is read as far as it is known here. */
  mayGrow: boolean;
  /** @throws RangeError for what does not fit */
  write: (out: ByteWriter, value: T) => void;
  /** Reads the whole value, or as much as is known. @throws Malformed */
  read: (from: ByteReader) => T;
  /** What no well-formed value is; asked on both sides. null: nothing wrong. */
  objection?: (value: T) => string | null;
}
