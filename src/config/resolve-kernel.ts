/** The numbers that Detour uses in the kernel: they must not run into each other or into the kernel's own. */
import { defaultKernel, TABLE_MAIN } from './defaults.js';
import type { Path } from './problem.js';
import type { Draft, Resolving } from './resolving.js';
import type { ConfigFile } from './schema.js';
import type { KernelConfig } from './types.js';

/** RT_TABLE_LOCAL of linux/rtnetlink.h: the kernel's own addresses. */
const TABLE_LOCAL = 255;

export function resolveKernel(draft: Draft<ConfigFile>['kernel'], uplinkCount: number, run: Resolving): KernelConfig {
  const path: Path = ['kernel'];
  const kernel: KernelConfig = {
    table: draft?.table === 'main' ? TABLE_MAIN : (draft?.table ?? defaultKernel.table),
    metric: draft?.metric ?? defaultKernel.metric,
    uplinkTableBase: draft?.uplink_table_base ?? defaultKernel.uplinkTableBase,
    markBase: draft?.mark_base ?? defaultKernel.markBase,
    rulePriority: draft?.rule_priority ?? defaultKernel.rulePriority,
    nexthopIdBase: draft?.nexthop_id_base ?? defaultKernel.nexthopIdBase,
    keepOnExit: draft?.keep_on_exit ?? defaultKernel.keepOnExit,
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
