/**
 * The functions of libbpf.so.1 and libc that we call, through ffi-napi. A call costs 3-8 us and some garbage: this is
 * the control path, nothing here is for packets.
 *
 * Pointers that are only handed back (struct bpf_object *, ...) travel as numbers ('uint64'; user addresses are below
 * 2^47, so they are exact); memory that we read or write travels as Buffers ('pointer').
 */
import ffi from 'ffi-napi';
import ref from 'ref-napi';
import { BpfError, messageOf } from './errors.js';

/** An opaque address; 0 is NULL. */
export type Address = number;

const SONAME = 'libbpf.so.1';

const handle = 'uint64';
const SIGNATURES = {
  libbpf_version_string: ['string', []],
  libbpf_set_print: ['pointer', ['pointer']],
  libbpf_num_possible_cpus: ['int', []],

  bpf_object__open_file: [handle, ['string', 'pointer']],
  bpf_object__load: ['int', [handle]],
  bpf_object__close: ['void', [handle]],
  bpf_object__name: ['string', [handle]],
  bpf_object__btf: [handle, [handle]],
  bpf_object__next_program: [handle, [handle, handle]],
  bpf_object__next_map: [handle, [handle, handle]],
  btf__raw_data: ['pointer', [handle, 'pointer']],

  bpf_program__name: ['string', [handle]],
  bpf_program__section_name: ['string', [handle]],
  bpf_program__fd: ['int', [handle]],
  bpf_program__type: ['int', [handle]],
  bpf_program__autoload: ['bool', [handle]],
  bpf_program__set_autoload: ['int', [handle, 'bool']],
  bpf_program__attach: [handle, [handle]],
  bpf_program__flags: ['uint32', [handle]],
  bpf_program__set_flags: ['int', [handle, 'uint32']],

  bpf_map__name: ['string', [handle]],
  bpf_map__fd: ['int', [handle]],
  bpf_map__type: ['int', [handle]],
  bpf_map__key_size: ['uint32', [handle]],
  bpf_map__value_size: ['uint32', [handle]],
  bpf_map__max_entries: ['uint32', [handle]],
  bpf_map__set_max_entries: ['int', [handle, 'uint32']],
  bpf_map__map_flags: ['uint32', [handle]],
  bpf_map__btf_key_type_id: ['uint32', [handle]],
  bpf_map__btf_value_type_id: ['uint32', [handle]],
  bpf_map__is_internal: ['bool', [handle]],
  bpf_map__reuse_fd: ['int', [handle, 'int']],
  bpf_map__initial_value: ['pointer', [handle, 'pointer']],
  bpf_map__set_initial_value: ['int', [handle, 'pointer', 'size_t']],

  bpf_map_lookup_elem: ['int', ['int', 'pointer', 'pointer']],
  bpf_map_update_elem: ['int', ['int', 'pointer', 'pointer', 'uint64']],
  bpf_map_delete_elem: ['int', ['int', 'pointer']],
  bpf_map_get_next_key: ['int', ['int', 'pointer', 'pointer']],

  bpf_obj_pin: ['int', ['int', 'string']],
  bpf_obj_get: ['int', ['string']],
  bpf_obj_get_info_by_fd: ['int', ['int', 'pointer', 'pointer']],
  bpf_btf_get_fd_by_id: ['int', ['uint32']],
  bpf_prog_get_fd_by_id: ['int', ['uint32']],

  bpf_link_create: ['int', ['int', 'int', 'int', 'pointer']],
  bpf_link_update: ['int', ['int', 'int', 'pointer']],
  bpf_link_detach: ['int', ['int']],
  bpf_link_get_next_id: ['int', ['uint32', 'pointer']],
  bpf_link_get_fd_by_id: ['int', ['uint32']],
  bpf_link__fd: ['int', [handle]],
  bpf_link__destroy: ['int', [handle]],
  bpf_xdp_query: ['int', ['int', 'int', 'pointer']],
} as const;

type Signatures = typeof SIGNATURES;
interface ArgumentTypes {
  uint64: Address | bigint;
  uint32: number;
  int: number;
  size_t: number;
  bool: boolean;
  string: string;
  pointer: Buffer | null;
}
interface ResultTypes {
  uint64: Address;
  uint32: number;
  int: number;
  bool: boolean;
  string: string | null;
  pointer: Buffer;
  void: void;
}
type Arguments<T extends readonly string[]> = { -readonly [I in keyof T]: ArgumentTypes[T[I] & keyof ArgumentTypes] };
/** What each C function looks like from TypeScript. */
export type Libbpf = {
  [F in keyof Signatures]: (...args: Arguments<Signatures[F][1]>) => ResultTypes[Signatures[F][0]];
};

let library: Libbpf | undefined;

/** The library, opened on first use. @throws BpfError when libbpf is not installed. */
export function libbpf(): Libbpf {
  if (library) return library;
  try {
    return (library = openLibrary<Libbpf>(SONAME, SIGNATURES));
  } catch (error) {
    throw new BpfError({
      call: 'dlopen',
      subject: `${SONAME}: ${messageOf(error)}`,
      errno: 2,
      advice: 'install libbpf 1.1 or newer (apt install libbpf1)',
    });
  }
}

/** ffi-napi's own types cannot say what a table of signatures becomes: the one place where that is asserted. */
export function openLibrary<T>(soname: string | null, signatures: object): T {
  return ffi.Library(soname, signatures as Record<string, [string, string[]]>) as unknown as T;
}

/** errno of this thread, for functions that return NULL; only meaningful directly after the call. */
export function lastErrno(): number {
  return ffi.errno();
}

/** Throws unless `result` (0, a descriptor or -errno) is a success. @returns result */
export function check(result: number, call: string, subject?: string): number {
  if (result < 0) throw new BpfError({ call, errno: result, ...(subject === undefined ? {} : { subject }) });
  return result;
}

interface Libc {
  if_indextoname(ifindex: number, name: Buffer): Address;
}

let libc: Libc | undefined;

/** Whether this network namespace has a device with that index. */
export function deviceExists(ifindex: number): boolean {
  libc ??= openLibrary<Libc>(null, { if_indextoname: ['uint64', ['uint32', 'pointer']] });
  return libc.if_indextoname(ifindex, Buffer.alloc(16)) !== 0;
}

/** Copies `size` bytes that C memory holds. */
export function copyMemory(pointer: Buffer, size: number): Buffer {
  return Buffer.from(ref.reinterpret(pointer, size));
}

/** The address of a Buffer's memory, for a pointer inside a structure. The caller keeps the Buffer alive. */
export function addressOf(buffer: Buffer): bigint {
  return BigInt(ref.address(buffer));
}

export { ffi, ref };
