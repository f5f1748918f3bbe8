/** Configuration -> what the engine needs of it. Pure. */
import { targetsOf } from '../config/target-key.js';
import type { Config, ProbeConfig, UplinkConfig } from '../config/types.js';
import type { EnginePolicy, ProbePolicy, UplinkPolicy } from '../engine/types.js';
import type { Family } from '../net/ip-address.js';

const US_PER_MS = 1000;
export const families: readonly Family[] = [4, 6];

/** Families that an uplink carries: those with a gateway. */
export function familiesOf(uplink: UplinkConfig): Family[] {
  return families.filter((family) => uplink.gateways[family] !== undefined);
}

function probePolicy(uplink: UplinkConfig, probe: ProbeConfig): ProbePolicy {
  const targets: ProbePolicy['targets'] = {};
  for (const family of familiesOf(uplink)) {
    const keys = targetsOf(probe, family).map((target) => target.key);
    if (keys.length > 0) targets[family] = keys;
  }
  const { lossPercent, latencyMs, jitterMs } = { ...uplink.limits, ...probe.limits };
  return {
    name: probe.name,
    targets,
    failAfter: probe.failAfter,
    recoverAfter: probe.recoverAfter,
    quorum: probe.quorum,
    limits: {
      ...(lossPercent !== undefined && { lossPercent }),
      ...(latencyMs !== undefined && { latencyUs: latencyMs * US_PER_MS }),
      ...(jitterMs !== undefined && { jitterUs: jitterMs * US_PER_MS }),
    },
  };
}

function uplinkPolicy(uplink: UplinkConfig): UplinkPolicy {
  const { damping } = uplink;
  return {
    name: uplink.name,
    families: familiesOf(uplink),
    learnedFamilies: families.filter((family) => uplink.gateways[family] === 'auto'),
    ...(uplink.gatewayNode && { lastResort: true }),
    probes: uplink.probes.map((probe) => probePolicy(uplink, probe)),
    holdDownUs: uplink.holdDownMs * US_PER_MS,
    damping: {
      enabled: damping.enabled,
      penaltyPerFailure: damping.penaltyPerFailure,
      cutoffThreshold: damping.cutoffThreshold,
      reuseThreshold: damping.reuseThreshold,
      halfLifeUs: damping.halfLifeMs * US_PER_MS,
      maximumSuppressUs: damping.maximumSuppressMs * US_PER_MS,
    },
  };
}

export function enginePolicy(config: Config): EnginePolicy {
  return {
    mode: config.mode,
    uplinks: config.uplinks.map(uplinkPolicy),
    groups: config.groups.map((group) => ({
      name: group.name,
      tiers: group.tiers,
      revertDelayUs: group.revertDelayMs === 'never' ? 'never' : group.revertDelayMs * US_PER_MS,
    })),
    minimumAgreeing: config.decision.minimumAgreeing,
  };
}
