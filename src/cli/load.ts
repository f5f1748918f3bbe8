/** The work of `detour load`. */
import { placements } from '../controller/intents.js';
import type { ForwardingIntent, PortStatus } from '../controller/ports.js';
import { openDataplane } from '../dataplane/index.js';
import { DetourError } from '../errors.js';
import { createKernelFib } from '../kernel/index.js';
import { KERNEL_DEFAULTS, TABLE_MAIN } from '../config/defaults.js';
import type { KernelConfig } from '../config/types.js';

const MAX_ROUTES = 1024;

/** Only looked through, nothing is written by it. */
const kernel: KernelConfig = {
  table: TABLE_MAIN,
  metric: KERNEL_DEFAULTS.metric,
  uplinkTableBase: KERNEL_DEFAULTS.uplink_table_base,
  markBase: KERNEL_DEFAULTS.mark_base,
  rulePriority: KERNEL_DEFAULTS.rule_priority,
  nexthopIdBase: KERNEL_DEFAULTS.nexthop_id_base,
  keepOnExit: true,
};

/** Attaches and leaves it attached. Returns one line an interface. */
export async function load(names: readonly string[], pinPath: string): Promise<string[]> {
  const fib = await createKernelFib(kernel);
  try {
    const view = fib.view();
    const present = [...view.links.values()].map((link) => link.name);
    for (const name of names) {
      if (!present.includes(name)) throw new DetourError('INTERFACE_UNKNOWN', { name, present: present.join(', ') });
    }
    const placed = placements({ uplinks: [], interfaces: names.map((name) => ({ name })) }, view);
    const ports = [...placed.values()].flatMap(({ port, redirectOk }) =>
      port ? [{ ifindex: port.ifindex, name: port.name, redirectOk }] : [],
    );
    const plane = openDataplane({ pinPath, xdpMode: 'auto', maxRoutes: MAX_ROUTES });
    try {
      const intent: ForwardingIntent = { forward: false, ports, interfaces: [], nextHops: [], groups: [], routes: [] };
      const report = await plane.apply(intent);
      return [...placed].map(([name, { port, reason }]) => {
        const status = report.ports.find((entry) => entry.ifindex === port?.ifindex);
        return line(name, status, reason);
      });
    } finally {
      await plane.close({ keep: true });
    }
  } finally {
    await fib.close({ keep: true });
  }
}

function line(name: string, status: PortStatus | undefined, reason: string | null): string {
  const why = reason ?? status?.reason ?? null;
  const mode = !status || status.xdp === 'none' ? 'not attached' : `attached in ${status.xdp} mode`;
  return `${name}: ${mode}${why === null ? '' : ` (${why})`}`;
}
