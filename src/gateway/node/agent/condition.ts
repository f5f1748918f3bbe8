/** What the node says of itself at this moment, and whether it offers anything. Pure. Section 5.1 of the protocol. */
import type { GatewayNodeConfig } from '../../../config/gateway-node/index.js';
import type { Family, IpAddress } from '../../../net/ip-address.js';
import type { Prefix } from '../../../net/prefix.js';
import { MAXIMUM_PATH } from '../../wire/index.js';
import type { Backhaul, MachineId, Message, OfferedFamily, Power, Reason } from '../../wire/types.js';
import { NOT_CHECKED } from '../machine.js';
import type { NodeCondition } from '../types.js';
import type { LocalInterface } from './ports.js';

export interface Circumstances {
  config: GatewayNodeConfig;
  hostname: string;
  /** Where routers are. */
  interfaces: readonly LocalInterface[];
  /** Why there are none; null: there are. */
  interfaceProblem: string | null;
  /** What this machine lacks to forward for anybody; null: nothing. */
  lacking: string | null;
  backhaul: readonly Backhaul[];
  /** Families whose way out was good when it was last judged, although it may be another by now. */
  proved: ReadonlySet<Family>;
  /** Why a family has no way out, or a bad one. */
  backhaulProblems: readonly { family: Family; reason: string }[];
  power: Power;
  /** Bytes of the owner's budget that are left; null: no limit. */
  bytesLeft: bigint | null;
  upstream: readonly MachineId[];
}

const FAMILIES: readonly Family[] = [4, 6];

export function conditionOf(now: Circumstances): NodeCondition {
  const { config, power, bytesLeft, upstream } = now;
  const backhaul = [...now.backhaul];
  return {
    offer: {
      families: offeredFamilies(now),
      name: config.name ?? now.hostname,
      ...(config.capacity && { capacity: config.capacity }),
      cost: { preference: config.cost.preference, metered: config.cost.metered, bytesLeft },
      power,
      backhaul,
      path: upstream.slice(0, MAXIMUM_PATH),
    },
    obstacle: obstacleOf(now),
    upstream: [...upstream],
  };
}

/** null: an offer may be made. */
function obstacleOf(now: Circumstances): Reason | null {
  const { config, interfaceProblem, lacking, backhaul, power, bytesLeft } = now;
  if (lacking !== null) return { code: 'arming-failed', text: lacking };
  if (interfaceProblem !== null) return { code: 'nothing-offered', text: interfaceProblem };
  if (!backhaul.some((path) => works(path, now))) return backhaulObstacle(now);
  const { batteryPercent, charging } = power;
  if (batteryPercent !== null && !charging && batteryPercent < config.minimumBatteryPercent) {
    return { code: 'battery', text: `${batteryPercent} %, less than ${config.minimumBatteryPercent} %` };
  }
  if (bytesLeft !== null && bytesLeft <= 0n) return { code: 'budget', text: 'the byte budget is used up' };
  return null;
}

function backhaulObstacle(now: Circumstances): Reason {
  const isAsked = now.backhaul.some(({ state }) => state === 'unknown');
  return isAsked ? NOT_CHECKED : { code: 'backhaul', text: backhaulText(now) };
}

/** "no default route", or with the family where the families differ. */
function backhaulText({ backhaulProblems }: Circumstances): string {
  const [first, ...others] = backhaulProblems;
  if (first === undefined) return 'no way out';
  if (others.every(({ reason }) => reason === first.reason)) return first.reason;
  return backhaulProblems.map(({ family, reason }) => `IPv${family}: ${reason}`).join('; ');
}

/**
 * Where the owner has named targets one must have answered (section 5.1 of the protocol); when the way out is another all
 * at once it is trusted, until it is judged, as far as the one before.
 */
function works({ family, state }: Backhaul, { config, proved }: Circumstances): boolean {
  if (state !== 'unknown') return state === 'good';
  return config.backhaul.targets.length === 0 || proved.has(family);
}

/** With the gateway on the first interface that has the family: answers on another one name its own (see `addressed`). */
function offeredFamilies(now: Circumstances): OfferedFamily[] {
  const { config, interfaces, backhaul } = now;
  return FAMILIES.flatMap((family) => {
    if (!backhaul.some((path) => path.family === family && works(path, now))) return [];
    const gateway = interfaces.map(({ addresses }) => addresses[family]).find((address) => address !== undefined);
    return gateway ? [{ family, translation: translationOf(family, config.routedPrefixes), gateway }] : [];
  });
}

const translationOf = (family: Family, routed: readonly Prefix[]): OfferedFamily['translation'] =>
  family === 6 && routed.length > 0 ? 'routed' : 'masquerade';

/**
 * The message as it goes to an interface: what is offered there has the node's address there.
 * @returns null: nothing of it is offered there
 */
export function addressed(message: Message, addresses: LocalInterface['addresses']): Message | null {
  if (!('families' in message)) return message;
  const families = message.families.flatMap((offered) => {
    const gateway: IpAddress | undefined = addresses[offered.family];
    return gateway ? [{ ...offered, gateway }] : [];
  });
  return families.length === 0 ? null : { ...message, families };
}
