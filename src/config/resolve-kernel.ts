/** The numbers that Detour uses in the kernel: they must not run into each other or into the kernel's own. */
import { KERNEL_DEFAULTS, TABLE_MAIN } from './defaults.js';
import type { Path } from './problem.js';
import type { Draft, Resolving } from './resolving.js';
import type { ConfigFile } from './schema.js';
import type { KernelConfig } from './types.js';

/** RT_TABLE_LOCAL of linux/rtnetlink.h: the kernel's own addresses. */
const TABLE_LOCAL = 255;

export function resolveKernel(draft: Draft<ConfigFile>['kernel'], uplinkCount: number, run: Resolving): KernelConfig {
  const path: Path = ['kernel'];
  const table = draft?.table ?? KERNEL_DEFAULTS.table;
  const kernel: KernelConfig = {
    table: table === 'main' ? TABLE_MAIN : table,
    metric: draft?.metric ?? KERNEL_DEFAULTS.metric,
    uplinkTableBase: draft?.uplink_table_base ?? KERNEL_DEFAULTS.uplink_table_base,
    markBase: draft?.mark_base ?? KERNEL_DEFAULTS.mark_base,
    rulePriority: draft?.rule_priority ?? KERNEL_DEFAULTS.rule_priority,
    nexthopIdBase: draft?.nexthop_id_base ?? KERNEL_DEFAULTS.nexthop_id_base,
    keepOnExit: draft?.keep_on_exit ?? KERNEL_DEFAULTS.keep_on_exit,
  };
  if (kernel.table === TABLE_LOCAL) {
    run.problem([...path, 'table'], "table 255 (local) is the kernel's own", 'main, or another number');
  }
  const last = kernel.uplinkTableBase + uplinkCount - 1;
  if (kernel.table >= kernel.uplinkTableBase && kernel.table <= last) {
    run.problem(
      [...path, draft?.table === undefined ? 'uplink_table_base' : 'table'],
      `table ${kernel.table} is one of the uplinks' own, ${kernel.uplinkTableBase} to ${last}`,
      'a number outside of them',
    );
  }
  return kernel;
}
