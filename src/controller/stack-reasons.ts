/** Which interfaces XDP leaves to the stack because of `forwarding`, and why. Pure. */
import type { Config, Forwarding } from '../config/types.js';
import type { KernelView, NetfilterHook } from './ports.js';
import { linksByName } from './facts.js';
import { place } from './topology.js';

type Concerned = Pick<Config, 'uplinks' | 'interfaces'>;
type Looked = Pick<KernelView, 'netfilter' | 'links'>;

/** As configured, by the name of the interface. */
export function forwardingByInterface({ uplinks, interfaces }: Concerned): Map<string, Forwarding> {
  return new Map([
    ...interfaces.map(({ name, forwarding }) => [name, forwarding] as const),
    ...uplinks.map((uplink) => [uplink.interface, uplink.forwarding] as const),
  ]);
}

/** What of netfilter packets between these interfaces would go past in XDP. */
export function hooksInTheWay(config: Concerned, view: Looked): NetfilterHook[] {
  if (view.netfilter.length === 0) return [];
  const links = linksByName(view);
  const devices = new Set<string>();
  for (const name of forwardingByInterface(config).keys()) {
    devices.add(name);
    const link = links.get(name);
    const port = link && place(link, view).port;
    if (port) devices.add(port.name);
  }
  return view.netfilter.filter((hook) => hook.devices === null || hook.devices.some((name) => devices.has(name)));
}

/**
 * Why the stack forwards what comes in or leaves by an interface, by its name; the others are XDP's.
 *
 * With `auto` one rule of netfilter that sees forwarded packets is enough for all such interfaces: which of them a
 * rule is about only its own text could tell, and a connection must not be seen in one direction only.
 *
 * Rules of a gateway node on this machine are enough for interfaces on `xdp`, too: what the router sends here would
 * leave untranslated, and beyond the end of its lease.
 */
export function stackReasons(config: Concerned, view: Looked): Map<string, string> {
  const hooks = hooksInTheWay(config, view);
  const others = hooks.filter(({ leased }) => !leased);
  const netfilter = others.length > 0 ? describeHooks(others) : null;
  const node = hooks.length > others.length ? LEASED : null;
  const reasons = new Map<string, string>();
  for (const [name, forwarding] of forwardingByInterface(config)) {
    if (forwarding === 'stack') reasons.set(name, 'configured: forwarding is stack');
    else if (forwarding === 'auto' && netfilter !== null) reasons.set(name, netfilter);
    else if (node !== null) reasons.set(name, node);
  }
  return reasons;
}

/** Ends with the lease; there is nothing to be done about it. */
const LEASED =
  'this machine is a gateway node of another router (nft table inet detour-gateway), whose packets are translated in the stack';

/** Names the first ones; what to do where they need not see forwarded packets. */
export function describeHooks(hooks: readonly NetfilterHook[]): string {
  return (
    `${listHooks(hooks)}, which XDP would bypass; "forwarding: xdp" for uplinks and interfaces ` +
    `if forwarded packets need not go through it`
  );
}

const SHOWN = 2;

/** Texts of a chain for both families are one. */
export function listHooks(hooks: readonly NetfilterHook[]): string {
  const texts = [...new Set(hooks.map(({ text }) => text))];
  const more = texts.length > SHOWN ? ` and ${texts.length - SHOWN} more` : '';
  return texts.slice(0, SHOWN).join(', ') + more;
}

/** For health: a line for each reason besides the configuration's own. */
export function netfilterNotes(config: Concerned, view: Looked): string[] {
  const names = new Map<string, string[]>();
  const configured = forwardingByInterface(config);
  for (const [name, reason] of stackReasons(config, view)) {
    if (configured.get(name) !== 'stack') names.set(reason, [...(names.get(reason) ?? []), name]);
  }
  return [...names].map(([reason, interfaces]) => `the stack forwards for ${interfaces.join(', ')}: ${reason}`);
}
