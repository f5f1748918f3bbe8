/**
 * As much of the DNS message format (RFC 1035, section 4) as a health check needs: one question out, and a strict
 * reading of what comes back. Never throws on received bytes.
 */

/** RFC 1035, section 3.2.2 and 3.2.3; AAAA: RFC 3596. */
const QUERY_TYPES = { A: 1, NS: 2, SOA: 6, TXT: 16, AAAA: 28 } as const;
export type QueryType = keyof typeof QUERY_TYPES;

const CLASS_IN = 1;
const HEADER_BYTES = 12;
const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 255;
/** Type, class, TTL and length of a resource record, after its name. */
const RECORD_FIXED_BYTES = 10;

const FLAG_RESPONSE = 0x8000;
const FLAG_RECURSION_DESIRED = 0x0100;
const OPCODE_MASK = 0x7800;
const RCODE_MASK = 0x000f;
const FLAG_TRUNCATED = 0x0200;

/** IANA DNS RCODEs; others are named by number. */
const RCODE_NAMES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

/**
 * @param id 0..65535
 * @param name domain name in ASCII, with or without the final dot; "." is the root
 * @throws RangeError for a name that the format cannot carry
 */
export function encodeQuery(id: number, name: string, type: QueryType): Uint8Array {
  const encodedName = encodeName(name);
  const message = new Uint8Array(HEADER_BYTES + encodedName.length + 4);
  const view = new DataView(message.buffer);
  view.setUint16(0, id);
  view.setUint16(2, FLAG_RECURSION_DESIRED);
  view.setUint16(4, 1);
  message.set(encodedName, HEADER_BYTES);
  view.setUint16(HEADER_BYTES + encodedName.length, QUERY_TYPES[type]);
  view.setUint16(HEADER_BYTES + encodedName.length + 2, CLASS_IN);
  return message;
}

function encodeName(name: string): Uint8Array {
  const text = name.endsWith('.') ? name.slice(0, -1) : name;
  const bytes: number[] = [];
  for (const label of text === '' ? [] : text.split('.')) {
    if (!/^[\x21-\x7e]{1,63}$/.test(label)) {
      throw new RangeError(
        `"${name}" is not a domain name: "${label}" is not 1 to ${MAX_LABEL_BYTES} ASCII characters`,
      );
    }
    bytes.push(label.length, ...Buffer.from(label, 'latin1'));
  }
  bytes.push(0);
  if (bytes.length > MAX_NAME_BYTES) throw new RangeError(`"${name}" is longer than ${MAX_NAME_BYTES} bytes`);
  return Uint8Array.from(bytes);
}

export type ResponseVerdict =
  /** Not an answer to this query (another id or question, not a response): go on waiting. */
  { kind: 'unrelated' } | { kind: 'malformed'; detail: string } | { kind: 'answer'; rcode: string };

/** Reads a datagram as the answer to `query` (as made by encodeQuery). */
export function readResponse(query: Uint8Array, response: Uint8Array): ResponseVerdict {
  if (response.length < HEADER_BYTES) return { kind: 'unrelated' };
  const view = new DataView(response.buffer, response.byteOffset, response.byteLength);
  const flags = view.getUint16(2);
  const sameId = response[0] === query[0] && response[1] === query[1];
  if (!sameId || (flags & FLAG_RESPONSE) === 0 || (flags & OPCODE_MASK) !== 0) return { kind: 'unrelated' };

  const code = flags & RCODE_MASK;
  const rcode = RCODE_NAMES[code] ?? `RCODE ${code}`;
  const questions = view.getUint16(4);
  // Some servers refuse with the bare header; the id must do then.
  if (questions === 0 && code !== 0 && response.length === HEADER_BYTES) return { kind: 'answer', rcode };
  if (questions !== 1 || !sameQuestion(query, response)) return { kind: 'unrelated' };

  const records = view.getUint16(6) + view.getUint16(8) + view.getUint16(10);
  const detail = checkRecords(response, view, query.length, records, (flags & FLAG_TRUNCATED) !== 0);
  return detail === null ? { kind: 'answer', rcode } : { kind: 'malformed', detail };
}

/** The question follows the header uncompressed in both; names compare without case (RFC 4343). */
function sameQuestion(query: Uint8Array, response: Uint8Array): boolean {
  if (response.length < query.length) return false;
  const nameEnd = query.length - 4;
  for (let at = HEADER_BYTES; at < query.length; at++) {
    const asked = query[at]!;
    const echoed = response[at]!;
    if (asked !== echoed && (at >= nameEnd || lowerCase(asked) !== lowerCase(echoed))) return false;
  }
  return true;
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** Null: all records lie within the message. Data after the last record is tolerated, as resolvers do. */
function checkRecords(
  message: Uint8Array,
  view: DataView,
  start: number,
  records: number,
  truncated: boolean,
): string | null {
  let at = start;
  for (let index = 0; index < records; index++) {
    if (truncated && at === message.length) return null;
    const afterName = skipName(message, at);
    if (afterName === null) return `record ${index + 1} of ${records} has a broken name`;
    if (afterName + RECORD_FIXED_BYTES > message.length) return `record ${index + 1} of ${records} is cut short`;
    at = afterName + RECORD_FIXED_BYTES + view.getUint16(afterName + 8);
    if (at > message.length) return `record ${index + 1} of ${records} runs past the end`;
  }
  return null;
}

/**
 * Offset after the name at `start`, or null. A pointer (RFC 1035, 4.1.4) must point before the label it stands in for,
 * which also makes loops impossible.
 */
function skipName(message: Uint8Array, start: number): number | null {
  let at = start;
  let lowest = start;
  let end: number | null = null;
  let nameBytes = 1;
  for (;;) {
    const length = message[at];
    if (length === undefined) return null;
    if (length === 0) return end ?? at + 1;
    if ((length & 0xc0) === 0xc0) {
      const low = message[at + 1];
      if (low === undefined) return null;
      end ??= at + 2;
      at = ((length & 0x3f) << 8) | low;
      if (at < HEADER_BYTES || at >= lowest) return null;
      lowest = at;
    } else if (length > MAX_LABEL_BYTES) {
      return null;
    } else {
      nameBytes += length + 1;
      if (nameBytes > MAX_NAME_BYTES) return null;
      at += length + 1;
    }
  }
}
