/** Draft of the file -> Config: names, defaults, and the rules that look at more than one value. */
import type { Family } from '../net/ip-address.js';
import {
  DATAPLANE_DEFAULTS,
  FORWARDING_DEFAULT,
  LOG_LEVEL_DEFAULT,
  MODE_DEFAULT,
  OPTIONAL_DEFAULT,
} from './defaults.js';
import { LIMITS } from './limits.js';
import { resolveApi } from './resolve-api.js';
import { resolveGateways } from './resolve-gateways.js';
import { resolveGroups, resolveRoutes } from './resolve-group.js';
import { resolveKernel } from './resolve-kernel.js';
import { resolveUplink } from './resolve-uplink.js';
import type { Draft, Resolving } from './resolving.js';
import type { ConfigFile } from './schema.js';
import { targetsOf } from './target-key.js';
import type { Config, GatewaysConfig, InterfaceConfig, ProbeConfig, UplinkConfig } from './types.js';

/**
 * Never throws; what is wrong is reported to `run`. The result is a usable configuration only if nothing was reported
 * here or by validate.ts.
 */
export function resolve(draft: Draft<ConfigFile>, run: Resolving): Config {
  const entries = Object.entries(draft.uplinks ?? {});
  const uplinks = entries.map(([name, uplink]) => resolveUplink(name, uplink ?? {}, run));
  const uplinkNames = entries.map(([name]) => name);
  const interfaces = resolveInterfaces(draft.interfaces ?? []);
  checkInterfacesOnce(uplinks, interfaces, run);
  const groups = resolveGroups(draft.groups, uplinkNames, run);
  // Holes are only there when the item was wrong.
  const there = interfaces.filter((item) => item !== undefined);
  const gateways = resolveGateways(draft.gateways, { uplinks, interfaces: there, groups }, run);
  checkSizes({ uplinks, interfaces, gateways }, run);
  const maxRoutes = draft.dataplane?.max_routes ?? DATAPLANE_DEFAULTS.max_routes;
  return {
    version: 1,
    mode: draft.mode ?? MODE_DEFAULT,
    uplinks,
    groups,
    routes: resolveRoutes(draft.routes, groups, uplinks, maxRoutes, run),
    interfaces: there,
    gateways,
    decision: { minimumAgreeing: minimumAgreeing(draft, uplinks, run) },
    kernel: resolveKernel(draft.kernel, uplinkNames.length + mostElected(gateways), run),
    dataplane: {
      pinPath: draft.dataplane?.pin_path ?? DATAPLANE_DEFAULTS.pin_path,
      xdpMode: draft.dataplane?.xdp_mode ?? DATAPLANE_DEFAULTS.xdp_mode,
      maxRoutes,
    },
    api: resolveApi(draft.api, run),
    log: { level: draft.log?.level ?? LOG_LEVEL_DEFAULT },
  };
}

function resolveInterfaces(drafts: NonNullable<Draft<ConfigFile>['interfaces']>): (InterfaceConfig | undefined)[] {
  return drafts.map((draft) => {
    const entry = typeof draft === 'string' ? { name: draft } : (draft ?? {});
    const { name, optional = OPTIONAL_DEFAULT, forwarding = FORWARDING_DEFAULT } = entry;
    return name === undefined ? undefined : { name, optional, forwarding };
  });
}

/** One XDP program, one gateway and one liveness per interface. */
function checkInterfacesOnce(
  uplinks: UplinkConfig[],
  interfaces: (InterfaceConfig | undefined)[],
  run: Resolving,
): void {
  const owners = new Map<string, string>();
  for (const uplink of uplinks) {
    if (uplink.interface === '') continue;
    const owner = owners.get(uplink.interface);
    if (owner === undefined) {
      owners.set(uplink.interface, `uplink "${uplink.name}"`);
    } else {
      run.problem(
        ['uplinks', uplink.name, 'interface'],
        `${uplink.interface} is the interface of ${owner} already`,
        'another interface, e.g. a VLAN device of its own',
      );
    }
  }
  interfaces.forEach((item, index) => {
    if (item === undefined) return;
    const owner = owners.get(item.name);
    if (owner === undefined) {
      owners.set(item.name, `interfaces[${index}]`);
      return;
    }
    const rule = owner.startsWith('uplink')
      ? `is the interface of ${owner} already: uplinks need not be listed here`
      : `is there twice, first at ${owner}`;
    run.problem(['interfaces', index], `${item.name} ${rule}`, 'the list without it');
  });
}

/** Uplinks that are elected gateway nodes; one more while one takes over from another. */
const mostElected = (gateways: GatewaysConfig | null): number => (gateways === null ? 0 : gateways.maxElected + 1);

interface Sized {
  uplinks: readonly UplinkConfig[];
  interfaces: readonly unknown[];
  gateways: GatewaysConfig | null;
}

function checkSizes({ uplinks, interfaces, gateways }: Sized, run: Resolving): void {
  const count = uplinks.length + interfaces.length;
  if (count > LIMITS.interfaces) {
    run.problem(
      ['interfaces'],
      `${count} uplinks and interfaces; the data plane holds ${LIMITS.interfaces}`,
      null,
      'key',
    );
  }
  const sessionsOf = (probes: readonly ProbeConfig[], families: readonly Family[]): number =>
    probes
      .filter(({ type }) => type === 'icmp')
      .flatMap((probe) => families.map((family) => targetsOf(probe, family).length))
      .reduce((sum, targets) => sum + targets, 0);
  const families = ({ gateways: of }: UplinkConfig): Family[] =>
    ([4, 6] as const).filter((family) => of[family] !== undefined);
  const sessions =
    uplinks.reduce((sum, uplink) => sum + sessionsOf(uplink.probes, families(uplink)), 0) +
    mostElected(gateways) * sessionsOf(gateways?.probes ?? [], [4, 6]);
  if (sessions > LIMITS.icmpSessions) {
    run.problem(
      ['uplinks'],
      `${sessions} targets of icmp probes in all; the data plane holds ${LIMITS.icmpSessions}`,
      null,
      'key',
    );
  }
}

/**
 * All uplinks by default: as long as one is not judged down, not all are. Where the families have different numbers of
 * uplinks, the smaller one that is more than one, or else that family could never be believed to be down.
 */
function minimumAgreeing(draft: Draft<ConfigFile>, uplinks: readonly UplinkConfig[], run: Resolving): number {
  const given = draft.decision?.minimum_agreeing;
  if (given !== undefined && given > uplinks.length) {
    const path = ['decision', 'minimum_agreeing'];
    const most = Math.max(1, uplinks.length);
    run.problem(path, `must not be above the number of uplinks, ${uplinks.length}`, String(most));
  }
  const counts = ([4, 6] as const)
    .map((family) => uplinks.filter((uplink) => uplink.gateways[family] !== undefined).length)
    .filter((count) => count > 1);
  return given ?? (counts.length > 0 ? Math.min(...counts) : 1);
}
