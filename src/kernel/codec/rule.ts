/** Policy rules: struct fib_rule_hdr and FRA_* (<linux/fib_rules.h>). */
import type { ForeignRule } from '../../controller/ports.js';
import type { Family, IpAddress } from '../../net/ip-address.js';
import { RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN, RTM_GETRULE, RTPROT_DETOUR } from '../netlink/constants.js';
import type { MessageWriter } from '../netlink/message.js';
import {
  i32Of,
  readAttributes,
  stringOf,
  u32Of,
  u8Of,
  type Attributes,
  type NetlinkRequest,
} from '../netlink/message.js';
import { addressAttribute, addressFamilyOf, familyOf } from './family.js';

const RULE_HEADER_BYTES = 12;
const FIB_RULE_INVERT = 2;
const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_FLOW = 11;
const FRA_SUPPRESS_IFGROUP = 13;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_OIFNAME = 17;
const FRA_PAD = 18;
const FRA_L3MDEV = 19;
const FRA_UID_RANGE = 20;
const FRA_PROTOCOL = 21;
const FRA_IP_PROTO = 22;
const FRA_SPORT_RANGE = 23;
const FRA_DPORT_RANGE = 24;
const FR_ACT_TO_TBL = 1;
const FR_ACT_NOP = 3;
const ACTION_NAMES: Readonly<Record<number, string>> = { 3: 'nop', 6: 'blackhole', 7: 'unreachable', 8: 'prohibit' };
const TABLE_NAMES: Readonly<Record<number, string>> = {
  [RT_TABLE_DEFAULT]: 'default',
  [RT_TABLE_MAIN]: 'main',
  [RT_TABLE_LOCAL]: 'local',
};
/** Priorities of the three rules that every namespace begins with. */
const DEFAULT_RULES: Readonly<Record<number, number>> = {
  0: RT_TABLE_LOCAL,
  32766: RT_TABLE_MAIN,
  32767: RT_TABLE_DEFAULT,
};

/**
 * Attributes that select by nothing else than source, destination and ingress interface, or that do not select.
 * Whatever is not here, such as what a later kernel adds, counts as unknown to XDP.
 */
const ADDRESS_ATTRIBUTES: ReadonlySet<number> = new Set([
  FRA_DST,
  FRA_SRC,
  FRA_IIFNAME,
  FRA_GOTO,
  FRA_PRIORITY,
  FRA_FLOW, // a realm, for the routes found: no selector
  FRA_SUPPRESS_IFGROUP,
  FRA_SUPPRESS_PREFIXLEN,
  FRA_TABLE,
  FRA_PAD,
  FRA_PROTOCOL,
]);

/** What the text spells out besides those. */
const NAMED_ATTRIBUTES: ReadonlySet<number> = new Set([
  ...ADDRESS_ATTRIBUTES,
  FRA_FWMARK,
  FRA_FWMASK,
  FRA_OIFNAME,
  FRA_L3MDEV,
  FRA_UID_RANGE,
  FRA_IP_PROTO,
  FRA_SPORT_RANGE,
  FRA_DPORT_RANGE,
]);

/** A rule as Detour makes them: `lookup table`, for a mark, a source address or a bound socket. */
export interface RuleSpec {
  family: Family;
  priority: number;
  table: number;
  mark: number | null;
  source: IpAddress | null;
  /** Name of the interface that a socket of this machine is bound to; null: bound or not. */
  oifname: string | null;
  /** Routes of this prefix length or shorter are not taken from the table; null: all are. */
  suppressPrefixLength: number | null;
}

/** `text`: equal rules have equal texts. */
export interface RuleRecord extends ForeignRule {
  protocol: number;
  /** One of the three that every namespace begins with. */
  isDefault: boolean;
  /** The message itself, to name exactly this rule when it is deleted. */
  payload: Buffer;
}

export function dumpRulesRequest(family: Family): NetlinkRequest {
  return {
    type: RTM_GETRULE,
    flags: 0,
    body: (writer) => {
      const header = Buffer.alloc(RULE_HEADER_BYTES);
      header.writeUInt8(addressFamilyOf(family), 0);
      writer.bytes(header);
    },
  };
}

/** RTM_NEWRULE and RTM_DELRULE; null: of another family (multicast routing), or truncated. */
export function readRule(payload: Buffer): RuleRecord | null {
  if (payload.length < RULE_HEADER_BYTES) return null;
  const family = familyOf(payload.readUInt8(0));
  if (family === null) return null;
  const attributes = readAttributes(payload, RULE_HEADER_BYTES);
  const priority = u32Of(attributes, FRA_PRIORITY) ?? 0;
  const table = u32Of(attributes, FRA_TABLE) ?? payload.readUInt8(4);
  const selector = selectorText(payload, attributes, family);
  const action = actionText(payload, attributes, table);
  const lookup = `lookup ${tableName(table)}`;
  const selects = selection(payload, attributes);
  return {
    family,
    protocol: u8Of(attributes, FRA_PROTOCOL) ?? 0,
    text: `ipv${family}: ${priority}: ${selector} ${action}`,
    selects,
    allToTable: selector === 'from all' && selects === 'addresses' && action === lookup ? table : null,
    isDefault: DEFAULT_RULES[priority] === table && selector === 'from all' && action === lookup,
    payload: Buffer.from(payload),
  };
}

/** The text that readRule gives for this rule. */
export function ruleText(rule: RuleSpec): string {
  const source = rule.source ? rule.source.toString() : 'all';
  const mark = rule.mark === null ? '' : ` fwmark 0x${rule.mark.toString(16)}`;
  const oif = rule.oifname === null ? '' : ` oif ${rule.oifname}`;
  const suppress = rule.suppressPrefixLength === null ? '' : ` suppress_prefixlength ${rule.suppressPrefixLength}`;
  return `ipv${rule.family}: ${rule.priority}: from ${source}${mark}${oif} lookup ${tableName(rule.table)}${suppress}`;
}

export function writeRule(writer: MessageWriter, rule: RuleSpec): void {
  const header = Buffer.alloc(RULE_HEADER_BYTES);
  header.writeUInt8(addressFamilyOf(rule.family), 0);
  header.writeUInt8(rule.source ? rule.source.bitLength : 0, 2);
  header.writeUInt8(rule.table < 256 ? rule.table : 0, 4);
  header.writeUInt8(FR_ACT_TO_TBL, 7);
  writer.bytes(header).attributeU32(FRA_TABLE, rule.table).attributeU32(FRA_PRIORITY, rule.priority);
  writer.attributeU8(FRA_PROTOCOL, RTPROT_DETOUR);
  if (rule.source) writer.attribute(FRA_SRC, rule.source.bytes);
  if (rule.mark !== null) writer.attributeU32(FRA_FWMARK, rule.mark);
  if (rule.oifname !== null) writer.attributeString(FRA_OIFNAME, rule.oifname);
  if (rule.suppressPrefixLength !== null) writer.attributeU32(FRA_SUPPRESS_PREFIXLEN, rule.suppressPrefixLength);
}

/**
 * Which forwarded packets the rule can concern (fib_rule_match() and fib_rules_lookup(), net/core/fib_rules.c). They
 * come in by an interface other than lo and have no egress interface yet. l3mdev rules are about members of a VRF,
 * which carry no XDP program of ours.
 */
function selection(payload: Buffer, attributes: Attributes): ForeignRule['selects'] {
  const isInverted = (payload.readUInt32LE(8) & FIB_RULE_INVERT) !== 0;
  if (payload.readUInt8(7) === FR_ACT_NOP || attributes.has(FRA_L3MDEV)) return 'none';
  const isLocal = attributes.has(FRA_OIFNAME) || stringOf(attributes, FRA_IIFNAME) === 'lo';
  if (isLocal && !isInverted) return 'none';
  const isOrdinary = [...attributes.keys()].every((type) => ADDRESS_ATTRIBUTES.has(type));
  return isOrdinary && payload.readUInt8(3) === 0 ? 'addresses' : 'more';
}

function tableName(table: number): string {
  return TABLE_NAMES[table] ?? String(table);
}

function selectorText(payload: Buffer, attributes: Attributes, family: Family): string {
  const endpoint = (type: number, length: number): string => {
    const address = addressAttribute(attributes, type, family);
    if (!address) return length === 0 ? 'all' : `?/${length}`;
    return length === address.bitLength ? address.toString() : `${address.toString()}/${length}`;
  };
  const parts: string[] = [];
  if (payload.readUInt32LE(8) & FIB_RULE_INVERT) parts.push('not');
  parts.push(`from ${endpoint(FRA_SRC, payload.readUInt8(2))}`);
  if (payload.readUInt8(1) > 0) parts.push(`to ${endpoint(FRA_DST, payload.readUInt8(1))}`);
  if (payload.readUInt8(3) > 0) parts.push(`tos 0x${payload.readUInt8(3).toString(16)}`);
  const mark = u32Of(attributes, FRA_FWMARK) ?? 0;
  const mask = u32Of(attributes, FRA_FWMASK) ?? 0;
  if (mark !== 0 || mask !== 0) {
    parts.push(`fwmark 0x${mark.toString(16)}${mask === 0xffff_ffff ? '' : `/0x${mask.toString(16)}`}`);
  }
  if (attributes.has(FRA_IIFNAME)) parts.push(`iif ${stringOf(attributes, FRA_IIFNAME)}`);
  if (attributes.has(FRA_OIFNAME)) parts.push(`oif ${stringOf(attributes, FRA_OIFNAME)}`);
  const uids = attributes.get(FRA_UID_RANGE);
  if (uids && uids.length >= 8) parts.push(`uidrange ${uids.readUInt32LE(0)}-${uids.readUInt32LE(4)}`);
  const ipProtocol = u8Of(attributes, FRA_IP_PROTO) ?? 0;
  if (ipProtocol !== 0) parts.push(`ipproto ${ipProtocol}`);
  for (const [type, name] of [
    [FRA_SPORT_RANGE, 'sport'],
    [FRA_DPORT_RANGE, 'dport'],
  ] as const) {
    const range = attributes.get(type);
    if (range && range.length >= 4) parts.push(`${name} ${range.readUInt16LE(0)}-${range.readUInt16LE(2)}`);
  }
  for (const [type, value] of attributes) {
    if (!NAMED_ATTRIBUTES.has(type)) parts.push(`attribute ${type} 0x${value.toString('hex')}`);
  }
  return parts.join(' ');
}

function actionText(payload: Buffer, attributes: Attributes, table: number): string {
  const action = payload.readUInt8(7);
  if (action !== FR_ACT_TO_TBL) {
    const target = u32Of(attributes, FRA_GOTO);
    return target === null ? (ACTION_NAMES[action] ?? `action ${action}`) : `goto ${target}`;
  }
  // The kernel always reports it; -1 stands for none.
  const suppressed = i32Of(attributes, FRA_SUPPRESS_PREFIXLEN) ?? -1;
  const suppressedGroup = i32Of(attributes, FRA_SUPPRESS_IFGROUP) ?? -1;
  const suffix =
    (suppressed < 0 ? '' : ` suppress_prefixlength ${suppressed}`) +
    (suppressedGroup < 0 ? '' : ` suppress_ifgroup ${suppressedGroup}`);
  return `lookup ${u8Of(attributes, FRA_L3MDEV) ? '[l3mdev-table]' : tableName(table)}${suffix}`;
}
