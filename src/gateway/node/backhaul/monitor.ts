/** The node's own check of its way out, in each family that there are targets for. */
import type { Family } from '../../../net/ip-address.js';
import { FamilyWatch } from './family-watch.js';
import { probeTarget } from './probe.js';
import type { BackhaulMonitor, BackhaulOptions } from './types.js';
import { findWayOut } from './way-out.js';

const INTERVAL_MS = 1000;
const TIMEOUT_MS = 1000;
const FAIL_AFTER = 3;
const FAMILIES: readonly Family[] = [4, 6];

/** Begins at once; the first probes are on their way when it returns. */
export function openBackhaul(options: BackhaulOptions): BackhaulMonitor {
  const { clock, intervalMs = INTERVAL_MS, timeoutMs = TIMEOUT_MS, failAfter = FAIL_AFTER } = options;
  const listeners: (() => void)[] = [];
  let closed = false;
  const changed = (): void => listeners.forEach((listener) => listener());
  const watches = FAMILIES.flatMap((family) => {
    const targets = options.targets.filter(({ address }) => address.family === family);
    if (targets.length === 0) return [];
    const findWay = (): ReturnType<typeof findWayOut> =>
      options.ways?.(family) ?? findWayOut(family, options.interface, options.exclude?.() ?? []);
    const nowUs = (): number => clock.nowUs();
    const probe = options.probe ?? probeTarget;
    return [new FamilyWatch({ family, targets, timeoutMs, failAfter, probe, findWay, nowUs, changed })];
  });

  let cancel = (): void => undefined;
  const tick = (): void => {
    for (const watch of watches) watch.tick();
    if (!closed) cancel = clock.at(clock.nowUs() + intervalMs * 1000, tick);
  };
  tick();

  return {
    paths: () => watches.flatMap((watch) => watch.report() ?? []),
    interfaces: () =>
      Object.fromEntries(watches.flatMap(({ family, way }) => (way === null ? [] : [[family, way.interface]]))),
    gateways: () => watches.flatMap(({ way }) => way?.gateway ?? []),
    problems: () => watches.flatMap(({ family, problem }) => (problem === null ? [] : [{ family, reason: problem }])),
    onChange: (listener) => void listeners.push(listener),
    close: () => {
      closed = true;
      cancel();
      for (const watch of watches) watch.stop();
    },
  };
}
