/**
 * IP addresses as values: bytes in network order, text as RFC 5952 wants it. No I/O, no zones.
 *
 * Made for netlink dumps: one object and one byte array per address; the text is made on demand and kept.
 */

export type Family = 4 | 6;

const IPV4_MAPPED_PREFIX_BYTES = 12;

export class IpAddress {
  readonly family: Family;
  /** 4 or 16 bytes, network order. Shared, not copied: nobody writes to it. */
  readonly bytes: Uint8Array;
  #text: string | null = null;

  private constructor(bytes: Uint8Array) {
    this.family = bytes.length === 4 ? 4 : 6;
    this.bytes = bytes;
  }

  /**
   * Parses "192.0.2.1" or "2001:db8::1". Strict: no leading zeros in IPv4 (inet_aton reads them as octal), no short
   * forms, no zone, no brackets, no blanks.
   * @throws RangeError with the text and what is wrong with it
   */
  static parse(text: string): IpAddress {
    const zoneAt = text.indexOf('%');
    if (zoneAt >= 0) {
      throw new RangeError(`"${text}": zone ids are not accepted: write ${text.slice(0, zoneAt)}`);
    }
    const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text, text);
    return new IpAddress(bytes);
  }

  /**
   * @param bytes 4 or 16 bytes in network order; copied, so that a view of a netlink buffer may be given
   * @throws RangeError for any other length
   */
  static fromBytes(bytes: Uint8Array): IpAddress {
    if (bytes.length !== 4 && bytes.length !== 16) {
      throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
    }
    // Not slice(): on a Buffer that would be a view, and the netlink buffer is used again.
    return new IpAddress(new Uint8Array(bytes));
  }

  /** 0.0.0.0 or :: */
  static unspecified(family: Family): IpAddress {
    return new IpAddress(new Uint8Array(family === 4 ? 4 : 16));
  }

  /** Number of bits of an address of this family: 32 or 128. */
  get bitLength(): 32 | 128 {
    return this.family === 4 ? 32 : 128;
  }

  /** Canonical text (RFC 5952); IPv4-mapped addresses as ::ffff:192.0.2.1 (its section 5). */
  toString(): string {
    return (this.#text ??= this.family === 4 ? this.bytes.join('.') : formatIpv6(this.bytes));
  }

  toJSON(): string {
    return this.toString();
  }

  equals(other: IpAddress): boolean {
    return this.compare(other) === 0;
  }

  /** Order: IPv4 before IPv6, then numeric. Negative, 0 or positive. */
  compare(other: IpAddress): number {
    const a = this.bytes;
    const b = other.bytes;
    if (a.length !== b.length) return a.length - b.length;
    for (let i = 0; i < a.length; i++) {
      const difference = a[i]! - b[i]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291 section 2.5.6). */
  get isLinkLocal(): boolean {
    return this.family === 4
      ? this.bytes[0] === 169 && this.bytes[1] === 254
      : this.bytes[0] === 0xfe && (this.bytes[1]! & 0xc0) === 0x80;
  }

  /** 224.0.0.0/4 or ff00::/8. The IPv4 broadcast address is not multicast. */
  get isMulticast(): boolean {
    return this.family === 4 ? (this.bytes[0]! & 0xf0) === 0xe0 : this.bytes[0] === 0xff;
  }

  get isUnspecified(): boolean {
    return this.bytes.every((byte) => byte === 0);
  }

  /** 127.0.0.0/8 or ::1. */
  get isLoopback(): boolean {
    if (this.family === 4) return this.bytes[0] === 127;
    return this.bytes[15] === 1 && this.bytes.subarray(0, 15).every((byte) => byte === 0);
  }
}

/** `whole` is the text to name in the error: the IPv4 part may stand at the end of an IPv6 address. */
function parseIpv4(text: string, whole: string): Uint8Array {
  const parts = text.split('.');
  if (parts.length !== 4) {
    throw new RangeError(`"${whole}" is not an IP address: expected e.g. 192.0.2.1 or 2001:db8::1`);
  }
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) {
      throw new RangeError(`"${whole}" is not an IP address: "${part}" is not a number from 0 to 255`);
    }
    if (part.length > 1 && part.startsWith('0')) {
      throw new RangeError(`"${whole}": leading zeros are not accepted: write ${parts.map(Number).join('.')}`);
    }
    bytes[index] = Number(part);
  }
  return bytes;
}

/** RFC 4291 section 2.2: eight groups, one `::` for one group or more of zeros, dotted IPv4 allowed as the last two. */
function parseIpv6(text: string): Uint8Array {
  const halves = text.split('::');
  if (halves.length > 2) {
    throw new RangeError(`"${text}" is not an IPv6 address: "::" may stand only once`);
  }
  const head = parseGroups(halves[0]!, text, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, text, true) : [];
  const given = head.length + tail.length;
  if (halves.length === 1 && given !== 16) {
    throw new RangeError(`"${text}" is not an IPv6 address: ${given / 2} groups instead of 8`);
  }
  if (halves.length === 2 && given > 14) {
    throw new RangeError(`"${text}" is not an IPv6 address: too many groups around "::"`);
  }
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Bytes of the colon-separated groups of one side of `::`; `mayEndDotted`: this side ends the address. */
function parseGroups(side: string, whole: string, mayEndDotted: boolean): number[] {
  if (side === '') return [];
  const bytes: number[] = [];
  const groups = side.split(':');
  for (const [index, group] of groups.entries()) {
    if (mayEndDotted && index === groups.length - 1 && group.includes('.')) {
      bytes.push(...parseIpv4(group, whole));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else {
      throw new RangeError(`"${whole}" is not an IPv6 address: "${group}" is not a group of 1 to 4 hex digits`);
    }
  }
  return bytes;
}

function formatIpv6(bytes: Uint8Array): string {
  const mapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0);
  if (mapped) return `::ffff:${bytes.subarray(IPV4_MAPPED_PREFIX_BYTES).join('.')}`;

  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!);
  const zeros = longestZeroRun(groups);
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (zeros.length < 2) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

/** RFC 5952 section 4.2: the longest run is shortened, the first of equals; a single zero group is not (< 2). */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
    start += length;
  }
  return best;
}
