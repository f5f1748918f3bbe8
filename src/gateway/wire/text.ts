/** Text on the wire: UTF-8, bounded in bytes, and nothing in it that steers a terminal or a log. */
import { Malformed } from './bytes.js';

/** Controls (C0, DEL, C1), line and paragraph separators, and what changes the direction of text. */
const STEERS = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** What steers becomes a blank, half a surrogate pair U+FFFD; cut to `maximumBytes` between two code points. */
export function encodeText(text: string, maximumBytes: number): Uint8Array {
  const bytes = new Uint8Array(maximumBytes);
  // encodeInto() stops before a code point that does not fit.
  const { written } = encoder.encodeInto(text.replace(STEERS, ' '), bytes);
  return bytes.subarray(0, written);
}

/** @throws Malformed */
export function decodeText(bytes: Uint8Array, maximumBytes: number): string {
  if (bytes.length > maximumBytes) throw new Malformed(`a text of ${bytes.length} bytes, at most ${maximumBytes}`);
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new Malformed('a text is not UTF-8');
  }
  if (text.search(STEERS) >= 0) throw new Malformed('a text has control characters');
  return text;
}
