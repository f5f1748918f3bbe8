/** The work of `detour load`. */
import { defaultKernel } from '../config/defaults.js';
import { placements } from '../controller/intents.js';
import type { InterfaceConfig } from '../config/types.js';
import type { ForwardingIntent, PortStatus } from '../controller/ports.js';
import { openDataplane } from '../dataplane/index.js';
import { DetourError } from '../errors.js';
import { createKernelFib } from '../kernel/index.js';

const MAX_ROUTES = 1024;

export interface LoadOutcome {
  /** One for each interface. */
  lines: string[];
  /** False: at least one of them has no program of ours. */
  complete: boolean;
}

/** Attaches and leaves it attached. @throws DetourError INTERFACE_UNKNOWN, BPF_LOAD_FAILED */
export async function load(names: readonly string[], pinPath: string): Promise<LoadOutcome> {
  // Only looked through, nothing is written by it.
  const fib = await createKernelFib(defaultKernel);
  try {
    const view = fib.view();
    const present = [...view.links.values()].map((link) => link.name);
    for (const name of names) {
      if (!present.includes(name)) throw new DetourError('INTERFACE_UNKNOWN', { name, present: present.join(', ') });
    }
    const interfaces: InterfaceConfig[] = names.map((name) => ({ name, optional: false, forwarding: 'auto' }));
    const placed = placements({ uplinks: [], interfaces }, view);
    const ports = [...placed.values()].flatMap(({ port, redirectOk }) =>
      port ? [{ ifindex: port.ifindex, name: port.name, redirectOk }] : [],
    );
    const plane = openDataplane({ pinPath, xdpMode: 'auto', maxRoutes: MAX_ROUTES });
    try {
      const intent: ForwardingIntent = { forward: false, ports, interfaces: [], nextHops: [], groups: [], routes: [] };
      const report = await plane.apply(intent);
      const outcomes = [...placed].map(([name, { port, reason }]) => {
        const status = report.ports.find((entry) => entry.ifindex === port?.ifindex);
        return { attached: isAttached(status), line: line(name, status, reason) };
      });
      return { lines: outcomes.map((one) => one.line), complete: outcomes.every((one) => one.attached) };
    } finally {
      await plane.close({ keep: true });
    }
  } finally {
    await fib.close({ keep: true });
  }
}

function isAttached(status: PortStatus | undefined): status is PortStatus {
  return status !== undefined && status.xdp !== 'none';
}

function line(name: string, status: PortStatus | undefined, reason: string | null): string {
  const reasons = [status?.reason ?? null, reason].filter((one) => one !== null);
  const mode = isAttached(status) ? `attached in ${status.xdp} mode` : 'not attached';
  return `${name}: ${mode}${reasons.length === 0 ? '' : ` (${reasons.join('; ')})`}`;
}
