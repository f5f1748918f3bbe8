/** IP prefixes (RFC 8349's word for what is also called a network or CIDR block) as values. No I/O. */
import { IpAddress, type Family } from './ip-address.js';

export class Prefix {
  /** Host bits are zero. */
  readonly address: IpAddress;
  /** Bits: 0..32 or 0..128. */
  readonly length: number;

  private constructor(address: IpAddress, length: number) {
    this.address = address;
    this.length = length;
  }

  /**
   * Parses "192.0.2.0/24" or "2001:db8::/32". The length is required: a forgotten one must not become a host route.
   * @throws RangeError; with host bits set it names the prefix that was probably meant
   */
  static parse(text: string): Prefix {
    const slashAt = text.indexOf('/');
    if (slashAt < 0) {
      throw new RangeError(`"${text}" is not a prefix: the length is missing, e.g. 192.0.2.0/24`);
    }
    const address = IpAddress.parse(text.slice(0, slashAt));
    const lengthText = text.slice(slashAt + 1);
    const length = Number(lengthText);
    if (!/^(0|[1-9]\d{0,2})$/.test(lengthText) || length > address.bitLength) {
      throw new RangeError(`"${text}" is not a prefix: the length must be 0 to ${address.bitLength}`);
    }
    const prefix = Prefix.of(address, length);
    if (!prefix.address.equals(address)) {
      throw new RangeError(`"${text}": host bits are set: write ${prefix.toString()}`);
    }
    return prefix;
  }

  /**
   * The prefix of `length` bits that contains `address`; host bits are cleared.
   * @throws RangeError when the length does not fit the family
   */
  static of(address: IpAddress, length: number): Prefix {
    if (!Number.isInteger(length) || length < 0 || length > address.bitLength) {
      throw new RangeError(`a prefix length of IPv${address.family} is 0 to ${address.bitLength}, not ${length}`);
    }
    return new Prefix(clearHostBits(address, length), length);
  }

  /** 0.0.0.0/0 or ::/0. */
  static everything(family: Family): Prefix {
    return new Prefix(IpAddress.unspecified(family), 0);
  }

  get family(): Family {
    return this.address.family;
  }

  /** True if every address of `other` is in this prefix. Another family is never contained, not even in ::/0. */
  contains(other: IpAddress | Prefix): boolean {
    if (other.family !== this.family) return false;
    if (other instanceof Prefix) {
      return other.length >= this.length && sameBits(this.address.bytes, other.address.bytes, this.length);
    }
    return sameBits(this.address.bytes, other.bytes, this.length);
  }

  equals(other: Prefix): boolean {
    return this.compare(other) === 0;
  }

  /** Order: IPv4 before IPv6, by address, the shorter (the one that contains) first. */
  compare(other: Prefix): number {
    return this.address.compare(other.address) || this.length - other.length;
  }

  toString(): string {
    return `${this.address.toString()}/${this.length}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

function clearHostBits(address: IpAddress, length: number): IpAddress {
  if (length === address.bitLength) return address;
  const masked = new Uint8Array(address.bytes.length);
  const wholeBytes = length >> 3;
  masked.set(address.bytes.subarray(0, wholeBytes));
  const restBits = length & 7;
  if (restBits !== 0) masked[wholeBytes] = address.bytes[wholeBytes]! & (0xff00 >> restBits);
  return IpAddress.fromBytes(masked);
}

function sameBits(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const wholeBytes = bits >> 3;
  for (let i = 0; i < wholeBytes; i++) {
    if (a[i] !== b[i]) return false;
  }
  const restBits = bits & 7;
  return restBits === 0 || ((a[wholeBytes]! ^ b[wholeBytes]!) & (0xff00 >> restBits)) === 0;
}
