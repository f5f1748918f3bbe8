/** Names of the interfaces of this network namespace, without the native addon. */
import { readFileSync } from 'node:fs';

/**
 * From /proc/net/dev, which follows the process's namespace; /sys/class/net shows that of whoever mounted sysfs, and
 * node's os.networkInterfaces() leaves out those without an address.
 */
export function interfaceNames(): string[] {
  return readFileSync('/proc/self/net/dev', 'utf8')
    .split('\n')
    .slice(2)
    .map((line) => line.slice(0, Math.max(0, line.lastIndexOf(':'))).trim())
    .filter((name) => name !== '');
}
