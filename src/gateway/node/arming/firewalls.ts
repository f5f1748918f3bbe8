/**
 * Firewalls of the machine's owner. What one base chain of nftables accepts, another may still drop: a chain in `forward`
 * that drops what it doesn't accept makes every lease useless unless it has a rule for it. That is better said before the
 * router is told that this machine forwards for it.
 */
import { listNft } from '../../../nft.js';
import type { Family } from '../../../net/ip-address.js';
import type { Passage } from './passages.js';
import { TABLE } from './ruleset.js';

export interface Chain {
  family: string;
  table: string;
  name: string;
  hook?: string;
  policy?: string;
}

/** Of libnftables-json(5), as far as it is read here. */
export interface Rule {
  chain: string;
  expr: Record<string, unknown>[];
}

export interface Hindrances {
  /** Nothing gets through, in words. */
  certain: string[];
  /** There are rules that may let it through. */
  possible: string[];
}

const FAMILIES: Readonly<Record<string, readonly Family[]>> = { ip: [4], ip6: [6], inet: [4, 6] };

/** A chain that packets to be forwarded go through, and the rules of its table. */
export interface Wall {
  chain: Chain;
  rules: readonly Rule[];
}

/** Those of others. */
export async function readWalls(): Promise<Wall[]> {
  const chains = await listed<Chain>('list chains', 'chain');
  const foreign = chains.filter(
    ({ family, table, hook }) => hook === 'forward' && family in FAMILIES && `${family} ${table}` !== TABLE,
  );
  const rules = new Map<string, Rule[]>();
  for (const { family, table } of foreign) {
    const key = `${family} ${table}`;
    if (!rules.has(key)) rules.set(key, await listed<Rule>(`list table ${key}`, 'rule'));
  }
  return foreign.map((chain) => ({ chain, rules: rules.get(`${chain.family} ${chain.table}`)! }));
}

/** Pure. */
export function hindrancesOf(walls: readonly Wall[], passages: readonly Passage[]): Hindrances {
  const hindrances: Hindrances = { certain: [], possible: [] };
  for (const { chain, rules } of walls) judge(chain, rules, passages, hindrances);
  return hindrances;
}

async function listed<T>(command: string, key: string): Promise<T[]> {
  return (await listNft(command)).flatMap((element) => (key in element ? [element[key] as T] : []));
}

/** Pure. */
export function judge(chain: Chain, rules: readonly Rule[], passages: readonly Passage[], into: Hindrances): void {
  if (chain.policy !== 'drop' && !rules.some((rule) => rule.chain === chain.name && refusesAll(rule))) return;
  for (const passage of passages) {
    if (!FAMILIES[chain.family]!.includes(passage.family)) continue;
    const certain = !mayAccept(chain.name, rules, passage, new Set());
    const list = certain ? into.certain : into.possible;
    const text = describe(chain, passage, certain);
    if (!list.includes(text)) list.push(text);
  }
}

function describe({ family, table, name }: Chain, { link, out }: Passage, certain: boolean): string {
  const chain = `${family} ${table} ${name}`;
  if (!certain) return `the firewall (nft chain ${chain}) may drop what goes from ${link} to ${out}`;
  return (
    `the firewall (nft chain ${chain}) drops what goes from ${link} to ${out}. To allow it: ` +
    `nft insert rule ${chain} iifname "${link}" oifname "${out}" accept; ` +
    `nft insert rule ${chain} iifname "${out}" oifname "${link}" ct state established,related accept`
  );
}

/** A last rule such as firewalld's, instead of a policy. */
function refusesAll({ expr }: Rule): boolean {
  return (
    expr.some((part) => 'drop' in part || 'reject' in part) &&
    expr.every((part) => ['drop', 'reject', 'counter', 'log'].some((key) => key in part))
  );
}

/** True in doubt: only interfaces and the state of connections are looked at. */
function mayAccept(chain: string, rules: readonly Rule[], passage: Passage, seen: Set<string>): boolean {
  if (seen.has(chain)) return false;
  seen.add(chain);
  return rules.some((rule) => {
    if (rule.chain !== chain || !rule.expr.every((part) => mayMatch(part, passage))) return false;
    return rule.expr.some((part) => {
      const target = (part['jump'] ?? part['goto']) as { target: string } | undefined;
      if (target !== undefined) return mayAccept(target.target, rules, passage, seen);
      return 'accept' in part || ('vmap' in part && vmapMayAccept(part['vmap'] as Vmap));
    });
  });
}

interface Vmap {
  key?: { ct?: { key?: string } };
  data?: { set?: unknown[] };
}

/** `ct state vmap { established : accept, invalid : drop }` is for replies; what else there is may accept. */
function vmapMayAccept({ key, data }: Vmap): boolean {
  return key?.ct?.key !== 'state' || !Array.isArray(data?.set) || JSON.stringify(data.set).includes('"new"');
}

interface Match {
  op: string;
  left: { meta?: { key?: string }; ct?: { key?: string } };
  right: unknown;
}

function mayMatch(part: Record<string, unknown>, { link, out }: Passage): boolean {
  const match = part['match'] as Match | undefined;
  if (match === undefined) return true;
  const key = match.left.meta?.key;
  const values = valuesOf(match.right);
  if (values === null) return true;
  const negated = match.op === '!=';
  if (match.left.ct?.key === 'state') return values.includes('new') !== negated;
  const name = key === 'iifname' || key === 'iif' ? link : key === 'oifname' || key === 'oif' ? out : null;
  return name === null || values.some((value) => isName(value, name)) !== negated;
}

/** null: something else than plain texts. */
function valuesOf(right: unknown): string[] | null {
  const list: unknown = typeof right === 'object' && right !== null && 'set' in right ? right.set : right;
  const values = Array.isArray(list) ? (list as unknown[]) : [list];
  return values.every((value) => typeof value === 'string' && !value.startsWith('@')) ? (values as string[]) : null;
}

const isName = (pattern: string, name: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
