/**
 * What a node changes on its machine while it is elected, and puts back. The whole of it is derived from the leases, so
 * that it can be shown before it is done (`plan`) and compared with what is there (`apply`).
 */
import type { Family } from '../../../net/ip-address.js';
import type { Prefix } from '../../../net/prefix.js';
import type { Usage } from '../../wire/types.js';
import type { ArmedLease } from '../types.js';

/** The node's own way out, by family; absent: none now. */
export type BackhaulInterfaces = Readonly<Partial<Record<Family, string>>>;

/** One value below /proc/sys, as text without the line's end. */
export interface SysctlChange {
  path: string;
  from: string;
  to: string;
}

/** A route or policy rule: arguments of `ip -4` or `ip -6`, which never hold a blank within one. */
export interface RouteChange {
  family: Family;
  add: string;
  remove: string;
}

export interface ArmingPlan {
  /** The script for nft; empty: the table is not there. */
  nft: string;
  sysctls: SysctlChange[];
  routes: RouteChange[];
  /** What of the leases cannot be served, in words. */
  omitted: string[];
}

export interface ArmingOptions {
  /** Holds `arming.json` while anything is changed. */
  stateDirectory: string;
  /** Asked anew by each `apply`. */
  backhaul: () => BackhaulInterfaces;
  /** Prefixes that the node's network routes to it: sources within are not translated. Asked anew by each `apply`. */
  routedPrefixes: () => readonly Prefix[];
  /** One line for people, of what is done besides what was asked. */
  log?: (text: string) => void;
  /** Absent: as the kernel has it. False: as on a kernel without (before 6.17). */
  forceForwarding?: boolean;
}

export interface Arming {
  /**
   * Makes exactly these leases be in force; none: disarmed. Calls are carried out one after the other. Repeating one
   * extends the leases and changes nothing else.
   * @param nowUs of the leases' clock: what they have left from now on is what the kernel is told
   * @throws Error with what failed, after everything has been undone: then nothing is in force
   */
  apply(leases: readonly ArmedLease[], nowUs: number): Promise<void>;
  /** Bytes by pairing under its present lease, or under its last one, until it has a new one. */
  usage(): Promise<Map<string, Usage>>;
  /** What `apply` would do if nothing were in force yet. */
  plan(leases: readonly ArmedLease[]): ArmingPlan;
  /** What on this machine would hinder the leases all the same: firewalls of its owner; in words. */
  obstacles(leases: readonly ArmedLease[]): Promise<string[]>;
  /** Puts back what a run left that was killed; what was put back, in words. To be called before the first `apply`. */
  restore(): Promise<string[]>;
  /** Disarms, and ends what was prepared: processes, timers. Where that fails the guardian stays on duty. */
  close(): Promise<void>;
}
