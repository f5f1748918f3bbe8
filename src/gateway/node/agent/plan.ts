/** `--dry-run`: what arming would change for a router on each interface, for people. Changes nothing. */
import type { GatewayNodeConfig } from '../../../config/gateway-node/index.js';
import type { Clock } from '../../../controller/ports.js';
import { networkInterfaces } from 'node:os';
import { messageOf } from '../../../errors.js';
import { Prefix } from '../../../net/prefix.js';
import { IpAddress, type Family } from '../../../net/ip-address.js';
import { openArming, type ArmingPlan } from '../arming/index.js';
import { imaginedLease } from '../imagined-lease.js';
import type { ArmedLease } from '../types.js';
import { chooseInterfaces, readInterfaces } from './interfaces.js';
import type { LocalInterface } from './ports.js';
import { openWaysOut, waysOutOf } from './ways-out.js';

const ROUTER_LINK_LOCAL = IpAddress.parse('fe80::1');
const FAMILIES: readonly Family[] = [4, 6];
const LEASE_US = 15_000_000;

export async function showPlan(config: GatewayNodeConfig, clock: Clock): Promise<string[]> {
  // Asking targets takes time, and is not needed to know the way.
  const backhaul = openWaysOut({ config: { ...config.backhaul, targets: [] }, clock, exclude: () => names });
  const present = readInterfaces();
  const choice = config.interfaces
    ? { names: config.interfaces }
    : chooseInterfaces(present, waysOutOf(config.backhaul), []);
  if ('problem' in choice) return [`# nothing would be offered: ${choice.problem}`];
  const { names } = choice;
  const ways = backhaul.interfaces();
  const arming = openArming({
    stateDirectory: config.stateDirectory,
    backhaul: () => ways,
    routedPrefixes: () => config.routedPrefixes,
  });
  const lines = [...FAMILIES.map((family) => `# way out of IPv${family}: ${ways[family] ?? 'none'}`)];
  for (const name of names) {
    const found = present.find(({ ifname }) => ifname === name);
    lines.push('', ...(found ? await planFor(found, arming) : [`# ${name}: is not there, or has no address`]));
  }
  return lines;
}

type Planner = Pick<ReturnType<typeof openArming>, 'plan' | 'obstacles'>;

async function planFor(found: LocalInterface, arming: Planner): Promise<string[]> {
  const routers = routersOn(found.ifname);
  const [lease] = routers.length === 0 ? [] : [leaseFor(found, routers)];
  if (!lease) return [`# ${found.ifname}: has no network whose routers could be served`];
  const leases = [lease];
  try {
    const obstacles = await arming.obstacles(leases);
    return [
      `# for a router on ${found.ifname}, a lease of ${LEASE_US / 1_000_000} s; its addresses: ${routers.join(', ')}, say`,
      ...describePlan(arming.plan(leases)),
      ...obstacles.map((text) => `# in the way: ${text}`),
    ];
  } catch (error) {
    return [`# ${found.ifname}: nobody could be served: ${messageOf(error)}`];
  }
}

/** Addresses that a router could have there: the neighbour of our own, in each network of the interface. */
function routersOn(ifname: string): IpAddress[] {
  const own = (networkInterfaces()[ifname] ?? []).map(({ address }) => IpAddress.parse(address));
  return own
    .filter((address) => !address.isLinkLocal)
    .map(({ bytes }) => {
      const neighbour = Uint8Array.from(bytes);
      neighbour[neighbour.length - 1]! ^= 1;
      return IpAddress.fromBytes(neighbour);
    });
}

function leaseFor({ ifindex, ifname, addresses }: LocalInterface, routers: readonly IpAddress[]): ArmedLease {
  const address = addresses[6] ? ROUTER_LINK_LOCAL : routers[0]!;
  const families = FAMILIES.filter((family) => routers.some((one) => one.family === family));
  const clients = routers.map((one) => Prefix.of(one, one.bitLength));
  return imaginedLease({ ifindex, ifname, address, families, clients }, LEASE_US);
}

function describePlan({ sysctls, routes, nft, omitted }: ArmingPlan): string[] {
  return [
    ...sysctls.map(({ path, from, to }) => `echo ${to} > ${path} # ${from} now`),
    ...routes.map(({ family, add }) => `ip -${family} ${add}`),
    'nft -f - <<END',
    ...nft.trimEnd().split('\n'),
    'END',
    ...omitted.map((text) => `# not served: ${text}`),
  ];
}
