/**
 * Features that not every kernel was built with. A test without its feature is skipped, with the name of the feature and
 * where it is; in `make test-vm` (DETOUR_VM), whose kernels have all of them, it fails instead.
 */
import { release } from 'node:os';
import { describe } from 'vitest';
import { sh, tryStart } from '../../src/lab/shell.js';

/** True if a new namespace accepts an `ip` or `tc` command: the last word of each names what is tried. */
function accepted(...commands: string[]): boolean {
  const name = `dt-feature-${process.pid}`;
  sh('ip', 'netns', 'add', name);
  try {
    return commands.every((command) => {
      const [program = '', ...args] = command.split(' ');
      return tryStart(program, '-n', name, ...args);
    });
  } finally {
    tryStart('ip', 'netns', 'del', name);
  }
}

const DUMMY = 'ip link add base type dummy';
const trials = {
  'VLAN devices (CONFIG_VLAN_8021Q)': [DUMMY, 'ip link add link base name tagged type vlan id 7'],
  'netem (CONFIG_NET_SCH_NETEM)': ['tc qdisc add dev lo root netem delay 1ms'],
  'IPsec policies (CONFIG_XFRM_USER)': ['ip xfrm policy add src 192.0.2.0/24 dst 203.0.113.0/24 dir out'],
  'VRF (CONFIG_NET_VRF)': [DUMMY, 'ip link add blue type vrf table 10'],
};

/** `describe`, or a skip that says what is missing. */
export function describeWith(feature: keyof typeof trials, what: string, body: () => void): void {
  if (process.env['DETOUR_VM'] || accepted(...trials[feature])) describe(what, body);
  else describe.skip(`${what}: this kernel has no ${feature}, Debian's have: make test-vm`, body);
}

/** For what a kernel says or does from a version on, where a test expects one thing before and another after. */
export function kernelIsAtLeast(major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = release().split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
