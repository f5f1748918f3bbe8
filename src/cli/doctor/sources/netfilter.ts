/** Chains of nf_tables that are hooked into the stack: what XDP forwarding goes past (<linux/netfilter/nf_tables.h>). */
import { NetlinkClient, type OpenNetlink } from '../../../kernel/netlink/client.js';
import { readAttributes, stringOf, type NetlinkMessage } from '../../../kernel/netlink/message.js';

export interface NetfilterChain {
  family: 'ip' | 'ip6' | 'inet' | 'netdev' | 'bridge' | 'arp' | 'other';
  table: string;
  name: string;
  /** "filter", "nat", "route". */
  type: string;
  hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'ingress' | 'other';
  policy: 'accept' | 'drop';
  /** Rules in it, and references to it. */
  uses: number;
}

const NETLINK_NETFILTER = 12;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_GETCHAIN = 4;
const NFGENMSG_BYTES = 4;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_USE = 6;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
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

/** @throws NativeError or NetlinkError, e.g. where the kernel has no nf_tables */
export async function readChains(open: OpenNetlink): Promise<NetfilterChain[]> {
  const client = new NetlinkClient(open, { protocol: NETLINK_NETFILTER });
  try {
    const request = {
      type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETCHAIN,
      flags: 0,
      // struct nfgenmsg: family AF_UNSPEC (all), version 0, resource 0
      body: (writer: { bytes(value: Uint8Array): unknown }) => void writer.bytes(new Uint8Array(NFGENMSG_BYTES)),
    };
    return await client.dumpAll(request, readChain);
  } finally {
    client.close();
  }
}

/** null: no chain, or one that is not hooked in anywhere. Numbers of nf_tables are in network order. */
export function readChain({ type, payload }: NetlinkMessage): NetfilterChain | null {
  if ((type & 0xff) !== NFT_MSG_NEWCHAIN || payload.length < NFGENMSG_BYTES) return null;
  const attributes = readAttributes(payload, NFGENMSG_BYTES);
  const hook = attributes.get(NFTA_CHAIN_HOOK);
  if (!hook) return null;
  const family = FAMILIES[payload.readUInt8(0)] ?? 'other';
  const number = bigEndian(readAttributes(hook).get(NFTA_HOOK_HOOKNUM));
  return {
    family,
    table: stringOf(attributes, NFTA_CHAIN_TABLE) ?? '',
    name: stringOf(attributes, NFTA_CHAIN_NAME) ?? '',
    type: stringOf(attributes, NFTA_CHAIN_TYPE) ?? '',
    hook: family === 'netdev' ? 'ingress' : ((number === null ? undefined : HOOKS[number]) ?? 'other'),
    policy: bigEndian(attributes.get(NFTA_CHAIN_POLICY)) === NF_DROP ? 'drop' : 'accept',
    uses: bigEndian(attributes.get(NFTA_CHAIN_USE)) ?? 0,
  };
}

const bigEndian = (value: Buffer | undefined): number | null =>
  value && value.length >= 4 ? value.readUInt32BE(0) : null;
