/**
 * A relay in the lab's switch that harms the messages of the gateway protocol, and nothing else: it loses some, repeats some
 * and lets others overtake some, as a bad Wi-Fi does.
 *
 *     machine --- [port] bridge [port] --- machine        all other traffic, at the kernel's speed
 *                   |  relay (thread)  |                  UDP to ports 6868 and 6869
 *
 * The relay takes copies of whole frames at the ports (AF_PACKET) and sends them out by the others, so a hop limit of 255
 * arrives as 255. The originals are dropped behind it, at the ports' ingress hook, before the bridge sees them.
 */
import { PORTS } from '../gateway/wire/types.js';
import { native, type FrameRelay } from '../native.js';
import { sh, tryStart } from './shell.js';
import { namespacePath } from './topology.js';

const TABLE = 'detour-relay';
const PER_CENT = 100;
const US_PER_MS = 1000;

export interface RelayOptions {
  /** Of the switch. */
  namespace: string;
  /** The ports of its bridge that the machines of the protocol are plugged into: 2 to 64. */
  interfaces: readonly string[];
  /** Of each message, for each port that it leaves by. Default 0. */
  lossPercent?: number;
  duplicatePercent?: number;
  /** Held back by up to `reorderDelayMs`, default 20. */
  reorderPercent?: number;
  reorderDelayMs?: number;
  /** Of each message, default 0. */
  delayMs?: number;
  /** The same seed harms the same messages, if they come in the same order. Default 1. */
  seed?: number;
}

export interface Relay {
  /** Messages so far. A duplicate is counted in `sent`, too. */
  statistics(): ReturnType<FrameRelay['statistics']>;
  /** The bridge forwards everything again. May be called twice. */
  stop(): void;
}

/** One relay in a namespace at a time. */
export function startRelay(options: RelayOptions): Relay {
  const { namespace, interfaces } = options;
  const relay = native.startFrameRelay({
    ifindexes: interfaces.map((name) => ifindexOf(namespace, name)),
    ports: [PORTS.router, PORTS.node],
    netns: namespacePath(namespace),
    loss: (options.lossPercent ?? 0) / PER_CENT,
    duplication: (options.duplicatePercent ?? 0) / PER_CENT,
    reordering: (options.reorderPercent ?? 0) / PER_CENT,
    delayUs: (options.delayMs ?? 0) * US_PER_MS,
    reorderDelayUs: (options.reorderDelayMs ?? 20) * US_PER_MS,
    seed: options.seed ?? 1,
  });
  try {
    sh('ip', 'netns', 'exec', namespace, 'nft', dropAtIngress(interfaces));
  } catch (error) {
    relay.close();
    throw error;
  }
  return {
    statistics: () => relay.statistics(),
    stop: () => {
      relay.close();
      tryStart('ip', 'netns', 'exec', namespace, 'nft', `delete table netdev ${TABLE}`);
    },
  };
}

/** Packet sockets have their copies by then. */
function dropAtIngress(interfaces: readonly string[]): string {
  const hook = `type filter hook ingress devices = { ${interfaces.join(', ')} } priority 0`;
  const ports = Object.values(PORTS).join(', ');
  return `table netdev ${TABLE} { chain messages { ${hook}; udp dport { ${ports} } drop; }; }`;
}

function ifindexOf(namespace: string, name: string): number {
  const [link] = JSON.parse(sh('ip', '-n', namespace, '-json', 'link', 'show', 'dev', name)) as { ifindex: number }[];
  if (!link) throw new Error(`no interface ${name} in ${namespace}`);
  return link.ifindex;
}
