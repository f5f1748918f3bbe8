/** Between the words of the configuration, the engine and the controller, and those of the machine. Pure. */
import type { GatewaysConfig } from '../../../config/types.js';
import type { ElectedNode } from '../../../controller/ports.js';
import type { PathStateName, PathView } from '../../../engine/types.js';
import type { Prefix } from '../../../net/prefix.js';
import type { MachineId } from '../../wire/types.js';
import type { ElectedGateway, MeasuredPath, RouterPolicy } from '../types.js';

const US_PER_MS = 1000;
/** RENEW comes five times within a lease. */
const RENEWALS = 5;

export function routerPolicy(config: GatewaysConfig, self: MachineId, clients: Prefix[]): RouterPolicy {
  return {
    self,
    maximumElected: config.maxElected,
    metered: config.metered,
    minimumBatteryPercent: config.minimumBatteryPercent,
    approval: config.approval,
    wayBack: config.wayBack,
    clients,
    leaseUs: config.leaseMs * US_PER_MS,
    renewUs: Math.round((config.leaseMs * US_PER_MS) / RENEWALS),
    switchAfterUs: config.switchAfterMs * US_PER_MS,
    restUs: config.restMs * US_PER_MS,
    maximumRestUs: config.maximumRestMs * US_PER_MS,
  };
}

/** Not proved, and not refuted: just begun, recovered but not trusted yet, or taken out of use by hand or by a release. */
const STATES: Record<PathStateName, MeasuredPath['state']> = {
  init: 'unknown',
  up: 'good',
  degraded: 'good',
  suspect: 'good',
  down: 'bad',
  held: 'unknown',
  drained: 'unknown',
};

/** Of several targets the worst loss and the best round trip. */
export function measuredPath({ family, state, cause, targets }: PathView): MeasuredPath {
  const windows = targets.flatMap(({ window }) => (window ? [window] : []));
  const losses = windows.map(({ lossPercent }) => lossPercent);
  const rtts = windows.flatMap(({ latencyUs }) => (latencyUs === null ? [] : [latencyUs]));
  return {
    family,
    state: STATES[state],
    lossPercent: losses.length === 0 ? null : Math.max(...losses),
    rttUs: rtts.length === 0 ? null : Math.min(...rtts),
    detail: cause,
  };
}

export function electedNode({ pairing, role, origin, families, wayBack, leaving }: ElectedGateway): ElectedNode {
  return {
    name: pairing,
    ifindex: origin.ifindex,
    ifname: origin.ifname,
    role,
    gateways: Object.fromEntries(families.map(({ family, gateway }) => [family, gateway])),
    translated: wayBack === 'router',
    leaving,
  };
}
