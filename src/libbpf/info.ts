/**
 * What the kernel says about its BPF objects (BPF_OBJ_GET_INFO_BY_FD). Offsets are those of struct bpf_map_info,
 * bpf_prog_info, bpf_link_info and bpf_btf_info in include/uapi/linux/bpf.h: stable ABI, only ever extended.
 */
import { closeSync } from 'node:fs';
import { addressOf, check, libbpf } from './bindings.js';
import { Btf } from './btf.js';
import { cString } from './elf.js';

const INFO_BYTES = 256;

export interface MapInfo {
  type: number;
  id: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  mapFlags: number;
  name: string;
  btfId: number;
  btfKeyTypeId: number;
  btfValueTypeId: number;
}

export interface ProgramInfo {
  type: number;
  id: number;
  /** Hash of the instructions, 16 hex digits. */
  tag: string;
  name: string;
  btfId: number;
}

export interface LinkInfo {
  type: number;
  id: number;
  programId: number;
  /** XDP links: the device; 0 when the device is gone. Other links: null. */
  ifindex: number | null;
}

const LINK_TYPE_XDP = 6;

function readInfo(fd: number, subject: string, prepare?: (info: Buffer) => void): Buffer {
  const info = Buffer.alloc(INFO_BYTES);
  prepare?.(info);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(INFO_BYTES);
  check(libbpf().bpf_obj_get_info_by_fd(fd, info, length), 'bpf_obj_get_info_by_fd', subject);
  return info;
}

export function mapInfo(fd: number): MapInfo {
  const info = readInfo(fd, 'map');
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    keySize: info.readUInt32LE(8),
    valueSize: info.readUInt32LE(12),
    maxEntries: info.readUInt32LE(16),
    mapFlags: info.readUInt32LE(20),
    name: cString(info.subarray(24, 40), 0),
    btfId: info.readUInt32LE(64),
    btfKeyTypeId: info.readUInt32LE(68),
    btfValueTypeId: info.readUInt32LE(72),
  };
}

export function programInfo(fd: number): ProgramInfo {
  const info = readInfo(fd, 'program');
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    tag: info.toString('hex', 8, 16),
    name: cString(info.subarray(64, 80), 0),
    btfId: info.readUInt32LE(128),
  };
}

/**
 * Of a program that is loaded, whoever loaded it: what queryXdp() names by its id.
 * @throws BpfError ENOENT when it is gone; EPERM without CAP_SYS_ADMIN
 */
export function loadedProgramInfo(id: number): ProgramInfo {
  const fd = check(libbpf().bpf_prog_get_fd_by_id(id), 'bpf_prog_get_fd_by_id', `program ${id}`);
  try {
    return programInfo(fd);
  } finally {
    closeSync(fd);
  }
}

export function linkInfo(fd: number): LinkInfo {
  const info = readInfo(fd, 'link');
  const type = info.readUInt32LE(0);
  return {
    type,
    id: info.readUInt32LE(4),
    programId: info.readUInt32LE(8),
    ifindex: type === LINK_TYPE_XDP ? info.readUInt32LE(16) : null,
  };
}

/** The BTF that a loaded map or program carries. @throws BpfError */
export function loadedBtf(btfId: number): Btf {
  const fd = check(libbpf().bpf_btf_get_fd_by_id(btfId), 'bpf_btf_get_fd_by_id', `BTF ${btfId}`);
  try {
    const size = readInfo(fd, `BTF ${btfId}`).readUInt32LE(8);
    const data = Buffer.alloc(size);
    readInfo(fd, `BTF ${btfId}`, (info) => {
      info.writeBigUInt64LE(addressOf(data), 0);
      info.writeUInt32LE(size, 8);
    });
    return Btf.parse(data);
  } finally {
    closeSync(fd);
  }
}

export interface XdpState {
  mode: 'native' | 'generic' | 'offload' | 'multiple' | 'none';
  /** Program ids by mode; 0: none. */
  native: number;
  generic: number;
}

const XDP_MODES = ['none', 'native', 'generic', 'offload', 'multiple'] as const;

/** What is attached to a device now, whoever attached it. @throws BpfError */
export function queryXdp(ifindex: number): XdpState {
  const options = Buffer.alloc(32); // struct bpf_xdp_query_opts
  options.writeBigUInt64LE(32n, 0);
  check(libbpf().bpf_xdp_query(ifindex, 0, options), 'bpf_xdp_query', `ifindex ${ifindex}`);
  return {
    mode: XDP_MODES[options.readUInt8(24)] ?? 'none',
    native: options.readUInt32LE(12),
    generic: options.readUInt32LE(20),
  };
}
