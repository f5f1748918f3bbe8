/** Sysctls by name, as files below /proc/sys. */
import type { Files } from './finding.js';

/** "net.ipv4.conf.eth0/20.rp_filter": as for sysctl(8), "/" stands for a dot in an interface name. null: not there. */
export function sysctl(files: Files, name: string): string | null {
  const path = name.replaceAll(/[./]/g, (character) => (character === '.' ? '/' : '.'));
  return files.read(`/proc/sys/${path}`)?.trim() ?? null;
}

/** An interface name as it is written in the name of a sysctl. */
export const inSysctl = (interfaceName: string): string => interfaceName.replaceAll('.', '/');
