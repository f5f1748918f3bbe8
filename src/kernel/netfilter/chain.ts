/**
 * Base chains of nf_tables: what is hooked into the stack (<linux/netfilter/nf_tables.h>). iptables-nft makes such
 * chains, too. Numbers of nf_tables are in network order.
 */
import {
  readAttributeList,
  readAttributes,
  stringOf,
  type Attributes,
  type NetlinkMessage,
  type NetlinkRequest,
} from '../netlink/message.js';

export interface NetfilterChain {
  family: 'ip' | 'ip6' | 'inet' | 'netdev' | 'bridge' | 'arp' | 'other';
  table: string;
  name: string;
  /** "filter", "nat", "route". */
  type: string;
  hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'ingress' | 'egress' | 'other';
  policy: 'accept' | 'drop';
  /** Rules in it; nothing can jump to a chain that is hooked in. */
  rules: number;
  /** Devices of an ingress or egress chain; null: it is for all, or cannot be told. */
  devices: readonly string[] | null;
}

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_GETCHAIN = 4;
const NFT_MSG_DELCHAIN = 5;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_DELRULE = 8;
/** Multicast group of NETLINK_NETFILTER. */
export const NFNLGRP_NFTABLES = 7;
const NFGENMSG_BYTES = 4;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_USE = 6;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_DEV = 3;
const NFTA_HOOK_DEVS = 4;
const NFTA_DEVICE_NAME = 1;
const NF_DROP = 0;

/** NFPROTO_* of <linux/netfilter.h>. */
const FAMILIES: Readonly<Record<number, NetfilterChain['family']>> = {
  1: 'inet',
  2: 'ip',
  3: 'arp',
  5: 'netdev',
  7: 'bridge',
  10: 'ip6',
};
/** enum nf_inet_hooks; the same numbers for ip, ip6 and inet. */
const HOOKS: readonly NetfilterChain['hook'][] = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress'];
/** enum nf_dev_hooks. */
const NETDEV_HOOKS: readonly NetfilterChain['hook'][] = ['ingress', 'egress'];

/** What may change a chain, its policy or whether it has rules; sets and their elements do not. */
const CONCERNING: ReadonlySet<number> = new Set([
  NFT_MSG_NEWTABLE,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_DELCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_DELRULE,
]);

export const concernsChains = ({ type }: NetlinkMessage): boolean =>
  type >> 8 === NFNL_SUBSYS_NFTABLES && CONCERNING.has(type & 0xff);

/** Chains of every family and table; not their rules, of which there may be very many: a chain says how many it has. */
export function dumpChainsRequest(): NetlinkRequest {
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETCHAIN,
    flags: 0,
    // struct nfgenmsg: family AF_UNSPEC (all), version 0, resource 0
    body: (writer) => void writer.bytes(new Uint8Array(NFGENMSG_BYTES)),
  };
}

/** null: no chain, or one that is not hooked in anywhere. */
export function readChain({ type, payload }: NetlinkMessage): NetfilterChain | null {
  if ((type & 0xff) !== NFT_MSG_NEWCHAIN || payload.length < NFGENMSG_BYTES) return null;
  const attributes = readAttributes(payload, NFGENMSG_BYTES);
  const nest = attributes.get(NFTA_CHAIN_HOOK);
  if (!nest) return null;
  const hook = readAttributes(nest);
  const family = FAMILIES[payload.readUInt8(0)] ?? 'other';
  const number = bigEndian(hook.get(NFTA_HOOK_HOOKNUM));
  const names = family === 'netdev' ? NETDEV_HOOKS : HOOKS;
  return {
    family,
    table: stringOf(attributes, NFTA_CHAIN_TABLE) ?? '',
    name: stringOf(attributes, NFTA_CHAIN_NAME) ?? '',
    type: stringOf(attributes, NFTA_CHAIN_TYPE) ?? '',
    hook: (number === null ? undefined : names[number]) ?? 'other',
    policy: bigEndian(attributes.get(NFTA_CHAIN_POLICY)) === NF_DROP ? 'drop' : 'accept',
    rules: bigEndian(attributes.get(NFTA_CHAIN_USE)) ?? 0,
    devices: devicesOf(hook),
  };
}

/** null, too, where a name may stand for several devices: an attribute that is not known here. */
function devicesOf(hook: Attributes): string[] | null {
  const list = hook.get(NFTA_HOOK_DEVS);
  if (!list) {
    const name = stringOf(hook, NFTA_HOOK_DEV);
    return name === null ? null : [name];
  }
  const entries = readAttributeList(list);
  if (entries.some(([type]) => type !== NFTA_DEVICE_NAME)) return null;
  return entries.map(([type, value]) => stringOf(new Map([[type, value]]), type) ?? '');
}

const bigEndian = (value: Buffer | undefined): number | null =>
  value && value.length >= 4 ? value.readUInt32BE(0) : null;
