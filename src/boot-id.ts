/** Which boot this is: what is said of the kernel's state in another one says nothing of this one. */
import { readFileSync } from 'node:fs';

export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
