/** `kernel:` of a configuration, in numbers that a test can name. */
import type { KernelConfig } from '../../src/config/types.js';

export const kernelConfig: KernelConfig = {
  table: 254,
  metric: 100,
  uplinkTableBase: 6800,
  markBase: 0x6800,
  rulePriority: 6800,
  nexthopIdBase: 680_000,
  keepOnExit: false,
};
