/** Pins: names in a bpffs that keep kernel objects alive after their process. */
import { closeSync, readlinkSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { check, libbpf } from './bindings.js';
import { BpfError } from './errors.js';

const BPF_FS_MAGIC = 0xcafe4a11;
const PROC_NAMES = { map: 'map', program: 'prog', link: 'link' } as const;

/** True when `directory` exists and lies on a mounted bpffs. */
export function isBpffs(directory: string): boolean {
  try {
    return statfsSync(directory).type === BPF_FS_MAGIC;
  } catch {
    return false;
  }
}

/** @internal */
export function pinTo(fd: number, path: string, subject: string): void {
  if (!isBpffs(dirname(path))) {
    throw new BpfError({
      call: 'bpf_obj_pin',
      errno: 2,
      subject: `${subject} to ${path}`,
      advice: `${dirname(path)} is not a directory on a bpffs (mount -t bpf bpf /sys/fs/bpf, then mkdir)`,
    });
  }
  check(libbpf().bpf_obj_pin(fd, path), 'bpf_obj_pin', `${subject} to ${path}`);
}

/** @internal A new descriptor of the pinned object, which must be of that kind. */
export function getPinned(path: string, kind: 'map' | 'program' | 'link'): number {
  const fd = check(libbpf().bpf_obj_get(path), 'bpf_obj_get', `${kind} ${path}`);
  // bpf_obj_get opens any kind of object; the name of the anonymous inode ("anon_inode:bpf-map") tells which it is.
  const actual = /bpf[-_](map|prog|link)/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  if (actual === PROC_NAMES[kind]) return fd;
  closeSync(fd);
  throw new BpfError({ call: 'bpf_obj_get', errno: 22, subject: path, advice: `it is pinned, but is not a ${kind}` });
}
