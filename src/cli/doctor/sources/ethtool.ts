/** Active offload features of every device, by ethtool netlink (<linux/ethtool_netlink.h>; Linux 5.7). */
import { NetlinkClient, type OpenNetlink } from '../../../kernel/netlink/client.js';
import { NETLINK_GENERIC } from '../../../kernel/netlink/constants.js';
import {
  readAttributeList,
  readAttributes,
  stringOf,
  u16Of,
  u32Of,
  type NetlinkRequest,
} from '../../../kernel/netlink/message.js';

const GENL_HEADER_BYTES = 4;
const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const ETHTOOL_MSG_FEATURES_GET = 11;
const ETHTOOL_A_FEATURES_HEADER = 1;
const ETHTOOL_A_FEATURES_ACTIVE = 4;
const ETHTOOL_A_HEADER_DEV_INDEX = 1;
const ETHTOOL_A_BITSET_BITS = 3;
const ETHTOOL_A_BITSET_BIT_NAME = 2;
const ETHTOOL_A_BITSET_BIT_VALUE = 3;
const ETHTOOL_A_BITSET_NOMASK = 1;

/**
 * @returns feature names ("rx-lro", "rx-gro-hw") by ifindex
 * @throws NativeError or NetlinkError; Error where the kernel has no ethtool netlink
 */
export async function readFeatures(open: OpenNetlink): Promise<Map<number, Set<string>>> {
  const client = new NetlinkClient(open, { protocol: NETLINK_GENERIC });
  try {
    const [family] = await client.dumpAll(genericRequest(GENL_ID_CTRL, CTRL_CMD_GETFAMILY), ({ payload }) => {
      const attributes = readAttributes(payload, GENL_HEADER_BYTES);
      const name = stringOf(attributes, CTRL_ATTR_FAMILY_NAME);
      return name === 'ethtool' ? u16Of(attributes, CTRL_ATTR_FAMILY_ID) : null;
    });
    if (family === undefined) throw new Error('this kernel has no ethtool netlink (CONFIG_ETHTOOL_NETLINK)');
    const found = await client.dumpAll(genericRequest(family, ETHTOOL_MSG_FEATURES_GET), ({ payload }) =>
      readDevice(payload),
    );
    return new Map(found);
  } finally {
    client.close();
  }
}

function genericRequest(family: number, command: number): NetlinkRequest {
  return { type: family, flags: 0, body: (writer) => void writer.bytes(Uint8Array.of(command, 1, 0, 0)) };
}

function readDevice(payload: Buffer): [ifindex: number, features: Set<string>] | null {
  const attributes = readAttributes(payload, GENL_HEADER_BYTES);
  const header = readAttributes(attributes.get(ETHTOOL_A_FEATURES_HEADER) ?? Buffer.alloc(0));
  const ifindex = u32Of(header, ETHTOOL_A_HEADER_DEV_INDEX);
  const active = attributes.get(ETHTOOL_A_FEATURES_ACTIVE);
  return ifindex === null || !active ? null : [ifindex, bitNames(active)];
}

/** Of a bitset without a mask the bits listed are those set; with one, those that carry a value. */
function bitNames(bitset: Buffer): Set<string> {
  const attributes = readAttributes(bitset);
  const noMask = attributes.has(ETHTOOL_A_BITSET_NOMASK);
  const names = new Set<string>();
  for (const [, bit] of readAttributeList(attributes.get(ETHTOOL_A_BITSET_BITS) ?? Buffer.alloc(0))) {
    const fields = readAttributes(bit);
    const name = stringOf(fields, ETHTOOL_A_BITSET_BIT_NAME);
    if (name !== null && (noMask || fields.has(ETHTOOL_A_BITSET_BIT_VALUE))) names.add(name);
  }
  return names;
}
