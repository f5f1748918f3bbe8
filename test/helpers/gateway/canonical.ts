/**
 * Equal worlds, equal numbers: what is left of a world when times count from now, orders from their sender's newest, leases
 * from the first that is met, and what no machine decides by is left out.
 */
import { IpAddress } from '../../../src/net/ip-address.js';
import { EPOCHS_APART, type NodeSide, type RouterSide, type World } from './world.js';

/** Told to people, constant in these worlds, or chance (chance.ts). */
const LEFT_OUT = new Set([
  'policy',
  'random',
  'cause',
  'text',
  'sinceUs',
  'lastHeardUs',
  'deadlineUs',
  'told',
  'usage',
  'announced',
  'condition',
  'origin',
  'path',
  'clients',
  'cost',
  'gateway',
  'router',
  'node',
  'sequence',
  'epoch',
  'name',
  'index',
  'drawn',
  'sentUs',
  'faults',
  'everInForce',
  'promisedUs',
  'nowUs',
  'preference',
  'downstream',
]);
const DURATIONS = new Set(['intervalUs', 'lengthUs', 'leaseUs']);
const LEASES = new Set(['number', 'endedLease']);
/** Longer ago than any timer here looks back. */
const LONG_AGO_US = -4_000_000;
const MANY_VERSIONS = -12;

interface Context {
  world: World;
  /** First epoch of a machine / EPOCHS_APART -> its newest order. */
  newest: Map<number, bigint>;
  leases: Map<bigint, number>;
  /** Newest version of the node that is being written. */
  version: number;
  text: string;
}

/** @returns 53 bits: among a million worlds, the chance that two different ones have the same is about 1 in 10,000 */
export function canonical(world: World): number {
  return hash(canonicalText(world));
}

export function canonicalText(world: World): string {
  const context: Context = { world, newest: new Map(), leases: new Map(), version: 0, text: '' };
  for (const { epoch, state } of [...world.routers, ...world.nodes]) {
    context.newest.set(Math.floor(epoch / EPOCHS_APART), (BigInt(epoch) << 32n) + BigInt(state.sequence));
  }
  for (const router of world.routers) write(context, 'side', router);
  for (const node of world.nodes) {
    context.version = node.state.arming.version;
    write(context, 'side', node);
  }
  const packets = [...world.packets].sort((one, other) =>
    one.order < other.order ? -1 : one.order > other.order ? 1 : 0,
  );
  write(context, 'packets', packets);
  for (const [number, endUs] of world.promisedUs) {
    const lease = context.leases.get(number);
    if (lease !== undefined) context.text += `${lease}<${Math.max(LONG_AGO_US, endUs - world.nowUs)}`;
  }
  return context.text;
}

function write(context: Context, key: string, value: unknown): void {
  if (LEFT_OUT.has(key)) return;
  if (typeof value === 'number') context.text += `${relative(context, key, value)},`;
  // Echoed, of which a node looks at the epoch.
  else if (key === 'nodeOrder' && typeof value === 'bigint') context.text += `${epochsAgo(context, value)},`;
  else if (typeof value === 'bigint')
    context.text += `${LEASES.has(key) ? leaseName(context, value) : order(context, value)},`;
  else if (value === null) context.text += '~,';
  else if (typeof value === 'object') writeObject(context, key, value);
  else context.text += `${value as string | boolean},`;
}

function writeObject(context: Context, key: string, value: object): void {
  if (value instanceof IpAddress) return;
  context.text += '{';
  if (key === 'flapsUs') context.text += String((value as unknown[]).length);
  else if (key === 'probed') writeProbed(context, value as Record<string, string>);
  else if (key === 'side') writeSide(context, value as RouterSide | NodeSide);
  else if (Array.isArray(value)) for (const each of value) write(context, 'element', each);
  else if (value instanceof Map) {
    for (const [name, each] of value) {
      context.text += `${String(name)}:`;
      write(context, 'element', each);
    }
  } else {
    const fields = value as Record<string, unknown>;
    for (const name in fields) write(context, name, fields[name]);
  }
  context.text += '}';
}

/** What a receiver has seen counts only against what is on its way to it: later messages are newer anyhow. */
function writeSide(context: Context, side: RouterSide | NodeSide): void {
  for (const name in side) if (name !== 'seen') write(context, name, side[name as keyof typeof side]);
  for (const { from, to, order: value } of context.world.packets) {
    if (to === side.name) context.text += value > (side.seen[from] ?? 0n) ? '<' : '>';
  }
}

/** Of leases that are named elsewhere; others are over. */
function writeProbed(context: Context, probed: Record<string, string>): void {
  for (const number in probed) {
    const lease = context.leases.get(BigInt(number));
    if (lease !== undefined) context.text += `${lease}${probed[number]}`;
  }
}

function relative({ world, version }: Context, key: string, value: number): number {
  if (key.endsWith('Us') && !DURATIONS.has(key)) return Math.max(LONG_AGO_US, value - world.nowUs);
  if (key.endsWith('ersion')) return Math.max(MANY_VERSIONS, value - version);
  return value;
}

function order(context: Context, value: bigint): string {
  const ago = epochsAgo(context, value);
  // Of an earlier epoch: which message it was counts only among its own.
  return ago === 0 ? String(value - newestOf(context, value)!) : `${ago}e${value & 0xffff_ffffn}`;
}

function epochsAgo(context: Context, value: bigint): number {
  return Number((newestOf(context, value) ?? 0n) >> 32n) - Number(value >> 32n);
}

/** The newest order of whoever made this one. */
function newestOf({ newest }: Context, value: bigint): bigint | undefined {
  return newest.get(Math.floor(Number(value >> 32n) / EPOCHS_APART));
}

function leaseName({ leases }: Context, number: bigint): string {
  const known = leases.get(number) ?? leases.size;
  leases.set(number, known);
  return `#${known}`;
}

/** cyrb53: two 32-bit mixes, of which 53 bits are taken. */
function hash(text: string): number {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
