/**
 * Just enough of ELF64 to find a section by name: the .BTF of a BPF object.
 * Source: System V ABI, chapter 4 (object files); BPF objects are ELF64 of the machine's byte order.
 */

const ELF_MAGIC = 0x7f454c46;
const CLASS_64 = 2;
const DATA_LITTLE_ENDIAN = 1;
const SECTION_HEADER_BYTES = 64;

/**
 * The bytes of one section (a view into `file`, not a copy), or null when there is no such section.
 * @throws Error when `file` is not a little-endian ELF64 file or its section table lies outside it.
 */
export function elfSection(file: Uint8Array, name: string): Uint8Array | null {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.byteLength < 64 || view.getUint32(0) !== ELF_MAGIC) throw new Error('not an ELF file');
  if (view.getUint8(4) !== CLASS_64 || view.getUint8(5) !== DATA_LITTLE_ENDIAN) {
    throw new Error('not a little-endian ELF64 file (compile with -target bpf on this machine)');
  }
  const tableOffset = Number(view.getBigUint64(0x28, true));
  const headerBytes = view.getUint16(0x3a, true);
  const count = view.getUint16(0x3c, true);
  const namesIndex = view.getUint16(0x3e, true);
  if (headerBytes !== SECTION_HEADER_BYTES || tableOffset + count * headerBytes > file.byteLength) {
    throw new Error('the section table lies outside the file (is it truncated?)');
  }

  const bytesOf = (index: number): Uint8Array => {
    const header = tableOffset + index * headerBytes;
    const offset = Number(view.getBigUint64(header + 0x18, true));
    const size = Number(view.getBigUint64(header + 0x20, true));
    if (offset + size > file.byteLength) throw new Error(`section ${index} lies outside the file (is it truncated?)`);
    return file.subarray(offset, offset + size);
  };
  if (namesIndex >= count) return null;
  const names = bytesOf(namesIndex);
  for (let index = 1; index < count; index++) {
    const nameOffset = view.getUint32(tableOffset + index * headerBytes, true);
    if (cString(names, nameOffset) === name) return bytesOf(index);
  }
  return null;
}

/** The NUL-terminated string at `offset`; ends at the end of `bytes` at the latest. */
export function cString(bytes: Uint8Array, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, (end < 0 ? bytes.length : end) - offset).toString('utf8');
}
