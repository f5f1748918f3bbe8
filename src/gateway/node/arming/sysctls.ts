/**
 * The forwarding switches of the kernel, below /proc/sys, where names of interfaces may hold dots.
 *
 * IPv4 has a switch for each interface that packets come in by. IPv6 has one since Linux 6.17 (force_forwarding); before,
 * only `all` counts, and it turns the whole machine into a router: it then takes no more router advertisements and forgets
 * the default routes that it has learned from them, unless accept_ra is 2.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { messageOf } from '../../../errors.js';
import type { Family } from '../../../net/ip-address.js';
import type { Passage } from './passages.js';
import type { Opened } from './ruleset.js';
import type { SysctlChange } from './types.js';

const IPV4 = '/proc/sys/net/ipv4/conf';
const IPV6 = '/proc/sys/net/ipv6/conf';

export interface ForwardingPlan {
  /** In the order in which they are to be written. */
  sysctls: SysctlChange[];
  opened: Opened[];
}

/**
 * What is to be turned on for these passages that is off. Values that are written already (`written`) count as what they
 * were before.
 */
export function planForwarding(
  passages: readonly Passage[],
  written: readonly SysctlChange[],
  forceForwarding: boolean | undefined,
): ForwardingPlan {
  const before = new Map(written.map(({ path, from }) => [path, from]));
  const found = (path: string): string | null => before.get(path) ?? readSysctl(path);
  const plan: ForwardingPlan = { sysctls: [], opened: [] };
  for (const name of interfacesOf(passages, 4)) {
    turnOn(plan, 4, name, `${IPV4}/${name}/forwarding`, found);
  }
  const six = interfacesOf(passages, 6);
  if (six.length === 0 || found(`${IPV6}/all/forwarding`) === '1') return plan;
  if (forceForwarding ?? existsSync(`${IPV6}/all/force_forwarding`)) {
    for (const name of six) turnOn(plan, 6, name, `${IPV6}/${name}/force_forwarding`, found);
  } else {
    forwardEverywhere(plan, before, found);
  }
  return plan;
}

function interfacesOf(passages: readonly Passage[], family: Family): string[] {
  return [...new Set(passages.filter((passage) => passage.family === family).flatMap(({ link, out }) => [link, out]))];
}

function turnOn(
  plan: ForwardingPlan,
  family: Family,
  name: string,
  path: string,
  found: (path: string) => string | null,
): void {
  const from = found(path);
  if (from === null) throw new Error(`${path} is not there: is ${name}, or IPv${family} on it, gone?`);
  if (from === '1') return;
  plan.sysctls.push({ path, from, to: '1' });
  plan.opened.push({ family, interface: name });
}

/** Writing `all` writes that of each interface and of `default`, and back: so what each had is kept as well. */
function forwardEverywhere(
  plan: ForwardingPlan,
  before: ReadonlyMap<string, string>,
  found: (path: string) => string | null,
): void {
  const pathOf = (name: string): string => `${IPV6}/${name}/forwarding`;
  const names = readdirSync(IPV6).filter((name) => name !== 'all');
  // An interface that has come since then found what we had written to `default`.
  const forwarding = (name: string): string =>
    before.get(pathOf(name)) ?? before.get(pathOf('default')) ?? readSysctl(pathOf(name)) ?? '0';
  for (const name of names) {
    const acceptRa = `${IPV6}/${name}/accept_ra`;
    if (name !== 'default' && found(acceptRa) === '1' && forwarding(name) === '0')
      plan.sysctls.push({ path: acceptRa, from: '1', to: '2' });
  }
  plan.sysctls.push({ path: pathOf('all'), from: '0', to: '1' });
  for (const name of names) plan.sysctls.push({ path: pathOf(name), from: forwarding(name), to: '1' });
  plan.opened.push({ family: 6, interface: null });
}

/** @throws Error that names the value, its path and why */
export function writeSysctls(changes: readonly SysctlChange[]): void {
  for (const { path, to } of changes) {
    try {
      if (readSysctl(path) !== to) writeFileSync(path, to);
    } catch (error) {
      throw new Error(`cannot write ${to} to ${path}: ${messageOf(error)}`, { cause: error });
    }
  }
}

/** `all` first, for it overwrites the others; accept_ra last, when nothing turns forwarding on any more. */
export function restoringOrder(changes: readonly SysctlChange[]): SysctlChange[] {
  const rank = ({ path }: SysctlChange): number =>
    path.endsWith('/all/forwarding') ? 0 : path.endsWith('/accept_ra') ? 2 : 1;
  return [...changes].sort((a, b) => rank(a) - rank(b));
}

/**
 * Puts back what still is as it was written; what somebody else has changed meanwhile, or is gone, stays.
 * @returns what was changed back, as it is now to be read
 */
export function restoreSysctls(changes: readonly SysctlChange[]): SysctlChange[] {
  // Read before the first is written: that of `all` changes others.
  const ours = restoringOrder(changes).filter(({ path, to }) => readSysctl(path) === to);
  for (const { path, from } of ours) {
    try {
      if (readSysctl(path) !== from) writeFileSync(path, from);
    } catch {
      // The interface has just gone, and its values with it.
    }
  }
  return ours.filter(({ from, to }) => from !== to);
}

/** null: not there. */
export function readSysctl(path: string): string | null {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return null;
  }
}
