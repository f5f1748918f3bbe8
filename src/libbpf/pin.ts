/** Pins: names in a bpffs that keep kernel objects alive after their process. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { check, libbpf } from './bindings.js';
import { BpfError } from './errors.js';

const BPF_FS_MAGIC = 0xcafe4a11;

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

/** @internal A new descriptor of the pinned object. */
export function getPinned(path: string, kind: string): number {
  return check(libbpf().bpf_obj_get(path), 'bpf_obj_get', `${kind} ${path}`);
}
