/** `detour lookup`: which route, group and next hop a packet would take, and why. Pure. */
import type { Config } from '../config/types.js';
import type { GroupView, PathView } from '../engine/types.js';
import { IpAddress } from '../net/ip-address.js';
import type { Family } from '../net/ip-address.js';
import type { Prefix } from '../net/prefix.js';
import { hopsOf, type UplinkFacts } from './facts.js';
import { describeForSome, isForSome, isOfTableLocal, outranksOurs } from './foreign-routes.js';
import { bypassed } from './bypasses.js';
import { translatedReason } from './gateway-uplinks.js';
import { stackReasons } from './stack-reasons.js';
import { placements } from './intents.js';
import { describeGuard, guardReason, notForwarding } from './lookup-guard.js';
import type { KernelRoute, KernelView, PortStatus } from './ports.js';
import type { LookupAnswer } from './service.js';

export interface LookupInputs {
  config: Config;
  view: KernelView;
  facts: readonly UplinkFacts[];
  groups: readonly GroupView[];
  paths: readonly PathView[];
  ports: readonly PortStatus[];
}

type Match =
  | { by: 'config'; prefix: Prefix; target: Config['routes'][number]['target'] }
  | { by: 'kernel'; prefix: Prefix; route: KernelRoute };

/**
 * Table local is asked before everything else. Then the longest prefix wins; at equal length a foreign route that
 * outranks Detour's, Detour's own, then any other one. Of several foreign ones the best metric. Asked is for a packet
 * without TOS.
 */
function match({ config, view }: LookupInputs, to: IpAddress, from: IpAddress | null): Match | null {
  let best: { match: Match; rank: readonly number[] } | null = null;
  const consider = (match: Match, ...rank: readonly number[]): void => {
    const { prefix } = match;
    if (prefix.family !== to.family || !prefix.contains(to)) return;
    if (!best || isBetter(rank, best.rank)) best = { match, rank };
  };
  for (const route of view.routes) {
    const { prefix, metric, source, tos } = route;
    if (tos !== 0 || (source && !(from && source.contains(from)))) continue;
    const order = outranksOurs(route, config.kernel) ? 2 : 0;
    const local = isOfTableLocal(route) ? 1 : 0;
    consider({ by: 'kernel', prefix, route }, local, prefix.length, order, source?.length ?? 0, -metric);
  }
  for (const { prefix, target } of config.routes) {
    consider({ by: 'config', prefix, target }, 0, prefix.length, 1, 0, -config.kernel.metric);
  }
  return (best as { match: Match } | null)?.match ?? null;
}

/** Compares figure by figure, the first one that differs decides. */
function isBetter(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((figure, index) => figure !== b[index]);
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0);
}

const nothing = { uplink: null, interface: null, gateway: null, forwardedBy: 'none' } as const;

function byKernel(route: KernelRoute, inputs: LookupInputs, base: Pick<LookupAnswer, 'to' | 'from'>): LookupAnswer {
  const prefix = route.prefix.toString();
  const hops = hopsOf(route, inputs.view);
  const interfaces = hops.map(({ ifindex }) => inputs.view.links.get(ifindex)?.name ?? null);
  const gateways = hops.flatMap(({ gateway }) => gateway?.toString() ?? []);
  const local = route.type === 'local' || route.type === 'broadcast';
  const why = [
    `${prefix} is the longest matching prefix`,
    local
      ? 'it is an address of this machine: the stack takes the packet'
      : `it is a kernel route of protocol ${route.protocol}, not Detour's: the kernel FIB decides`,
  ];
  if (isForSome(route)) why.push(`it is ${describeForSome(route)}`);
  if (hops.length > 1) why.push("it has several next hops; the kernel's hash of the flow decides");
  const unicast = route.type === 'unicast';
  const byXdp = hops.length > 0 && interfaces.every((name) => forwarder(inputs, name) === 'xdp');
  return {
    ...base,
    ...nothing,
    prefix,
    target: local ? 'local' : `kernel ${route.type}`,
    interface: listed(interfaces.flatMap((name) => name ?? [])),
    gateway: listed(gateways),
    forwardedBy: unicast ? (byXdp ? 'xdp' : 'stack') : local ? 'stack' : 'none',
    why,
  };
}

function forwarder(inputs: LookupInputs, interfaceName: string | null): 'xdp' | 'stack' {
  if (inputs.config.mode === 'observe' || interfaceName === null) return 'stack';
  const placement = placements(inputs.config, inputs.view).get(interfaceName);
  if (!placement?.port || !placement.redirectOk) return 'stack';
  if (stackReasons(inputs.config, inputs.view).has(interfaceName)) return 'stack';
  const status = inputs.ports.find(({ ifindex }) => ifindex === placement.port?.ifindex);
  return status && status.xdp !== 'none' && !status.redirectRefused ? 'xdp' : 'stack';
}

const listed = (names: readonly string[]): string | null => (names.length === 0 ? null : names.join(', '));

function byGroup(
  name: string,
  prefix: Prefix,
  inputs: LookupInputs,
  base: Pick<LookupAnswer, 'to' | 'from'>,
): LookupAnswer {
  const why = [`${prefix.toString()} is the longest matching prefix, it leads to group ${name}`];
  const group = inputs.groups.find((entry) => entry.group === name && entry.family === prefix.family);
  const target = `group ${name}`;
  if (!group || group.active.length === 0) {
    why.push(`no member of ${name} is alive for IPv${prefix.family}: the stack answers`);
    return asKernel(inputs, { ...base, ...nothing, prefix: prefix.toString(), target, why });
  }
  const [first] = group.active;
  if (group.active.length > 1)
    why.push(`${group.active.join(', ')} share the flows by weight; the flow's hash decides`);
  for (const uplink of group.active) {
    const path = inputs.paths.find((entry) => entry.uplink === uplink && entry.family === prefix.family);
    if (path) why.push(`${uplink} is ${path.state}: ${path.kept ?? path.cause}`);
  }
  const factsOf = (uplink: string): UplinkFacts | undefined => inputs.facts.find((each) => each.uplink === uplink);
  if (group.active.every((uplink) => factsOf(uplink)?.linkUp === false)) {
    // Kept in use because nothing is better; but a frame redirected to a dead link is lost.
    why.push(...group.active.map((uplink) => `${factsOf(uplink)!.linkDetail}: nothing leaves by ${uplink}`));
    return asKernel(inputs, { ...base, ...nothing, prefix: prefix.toString(), target, why });
  }
  const fact = first === undefined ? undefined : factsOf(first);
  const gateway = fact?.paths.find((entry) => entry.family === prefix.family)?.gateway ?? null;
  const config = inputs.config.uplinks.find((entry) => entry.name === first);
  const translated = config ? translatedReason(config) : null;
  if (translated !== null) why.push(`${first} is a gateway node, and what goes there is ${translated}`);
  return {
    ...base,
    prefix: prefix.toString(),
    target,
    uplink: group.active.length === 1 ? (first ?? null) : group.active.join(', '),
    interface: config?.interface ?? null,
    gateway: gateway?.toString() ?? null,
    forwardedBy: translated === null ? forwarder(inputs, config?.interface ?? null) : 'stack',
    why,
  };
}

/** What is left when no uplink can take it: the kernel has no route of Detour's then, but perhaps one of somebody else. */
function asKernel(inputs: LookupInputs, answer: LookupAnswer): LookupAnswer {
  const { to, from, why } = answer;
  const source = from === null ? null : IpAddress.parse(from);
  const found = match({ ...inputs, config: { ...inputs.config, routes: [] } }, IpAddress.parse(to), source);
  if (found?.by !== 'kernel') return { ...answer, why: [...why, 'the kernel has no other route to it'] };
  const byOther = byKernel(found.route, inputs, { to, from });
  const forwardedBy = byOther.forwardedBy === 'none' ? 'none' : 'stack';
  return { ...byOther, forwardedBy, why: [...why, ...byOther.why] };
}

/** Packets that come in where the sysctl forbids forwarding go nowhere, whatever the routes say. */
function whereForwarded(inputs: LookupInputs, family: Family, answer: LookupAnswer): LookupAnswer {
  if (answer.interface === null || answer.forwardedBy === 'none') return answer;
  const off = notForwarding(inputs.config, inputs.view, family);
  if (off.names.length === 0) return answer;
  const why = `IPv${family} forwarding is off on ${off.names.join(', ')}: what comes in there is not forwarded`;
  return { ...answer, forwardedBy: off.all ? 'none' : answer.forwardedBy, why: [...answer.why, why] };
}

/**
 * The answer by Detour's and the kernel's routes; where a policy rule of somebody else's or an IPsec policy may lead elsewhere, it says so,
 * for only the kernel can tell.
 */
export function lookup(inputs: LookupInputs, to: IpAddress, from: IpAddress | null): LookupAnswer {
  const guard = guardReason(to, from);
  if (guard) {
    const base = { to: to.toString(), from: from?.toString() ?? null, ...nothing, prefix: null };
    return { ...base, target: 'stack', forwardedBy: 'stack', why: [describeGuard(guard, to, from)] };
  }
  const answer = whereForwarded(inputs, to.family, byRoutes(inputs, to, from));
  const found = bypassed(inputs.view, inputs.config.kernel, to.family);
  // Table local comes before other rules, and a blackhole drops whatever they say.
  if (!found || answer.target === 'local' || answer.target === 'blackhole') return answer;
  const forwardedBy = answer.forwardedBy === 'xdp' && found.asks === 'stack' ? 'stack' : answer.forwardedBy;
  const why = [
    ...answer.why,
    found.what === 'ipsec'
      ? `but an IPsec policy may encrypt it and send it elsewhere: "ip xfrm policy" tells`
      : `but the policy rule "${found.rule.text}" may lead it elsewhere: "ip route get" with the packet's source, ` +
        `interface and mark tells`,
  ];
  return { ...answer, forwardedBy, why };
}

function byRoutes(inputs: LookupInputs, to: IpAddress, from: IpAddress | null): LookupAnswer {
  const base = { to: to.toString(), from: from?.toString() ?? null };
  const found = match(inputs, to, from);
  if (!found) {
    return {
      ...base,
      ...nothing,
      prefix: null,
      target: 'none',
      why: [`no route matches ${to.toString()}: the stack answers`],
    };
  }
  if (found.by === 'kernel') return byKernel(found.route, inputs, base);
  if (found.target.kind === 'group') return byGroup(found.target.group, found.prefix, inputs, base);
  const why = [`${found.prefix.toString()} is the longest matching prefix, it is a blackhole: dropped`];
  return { ...base, ...nothing, prefix: found.prefix.toString(), target: 'blackhole', why };
}
