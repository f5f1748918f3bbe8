/** 48-bit MAC addresses as values. No I/O. */

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export class MacAddress {
  /** 6 bytes in transmission order. Shared, not copied: nobody writes to it. */
  readonly bytes: Uint8Array;

  private constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /**
   * Parses "02:00:5e:10:00:01" (colons, two digits each, either case).
   * @throws RangeError with the text
   */
  static parse(text: string): MacAddress {
    if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) {
      throw new RangeError(`"${text}" is not a MAC address: expected e.g. 02:00:5e:10:00:01`);
    }
    return new MacAddress(Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16)));
  }

  /**
   * @param bytes 6 bytes; copied, so that a view of a netlink buffer may be given
   * @throws RangeError for any other length (InfiniBand has 20, tunnels 4 or 16)
   */
  static fromBytes(bytes: Uint8Array): MacAddress {
    if (bytes.length !== 6) throw new RangeError(`a MAC address has 6 bytes, not ${bytes.length}`);
    return new MacAddress(Uint8Array.from(bytes));
  }

  /** All zeros: the kernel's way to say that a device has no address, or a neighbour is not resolved. */
  get isZero(): boolean {
    return this.bytes.every((byte) => byte === 0);
  }

  equals(other: MacAddress): boolean {
    return this.bytes.every((byte, index) => byte === other.bytes[index]);
  }

  /** Lower case, colons. */
  toString(): string {
    const b = this.bytes;
    return `${HEX[b[0]!]}:${HEX[b[1]!]}:${HEX[b[2]!]}:${HEX[b[3]!]}:${HEX[b[4]!]}:${HEX[b[5]!]}`;
  }

  toJSON(): string {
    return this.toString();
  }
}
