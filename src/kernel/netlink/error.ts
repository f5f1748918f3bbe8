/** What the kernel answers to a request: struct nlmsgerr with extended acknowledgement (NETLINK_EXT_ACK). */
import { constants } from 'node:os';
import { NLM_F_ACK_TLVS, NLM_F_CAPPED } from './constants.js';
import { HEADER_BYTES, readAttributes, stringOf, type NetlinkMessage } from './message.js';

const NLMSGERR_ATTR_MSG = 1;

const errnoNames: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    // Two names for one number: EAGAIN and EOPNOTSUPP are the ones that people know.
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'ENOTSUP')
    .map(([name, number]) => [number, name]),
);

/** A request that the kernel refused, or that was not answered. */
export class NetlinkError extends Error {
  constructor(
    /** Errno name: "EEXIST". */
    readonly code: string,
    /** In the kernel's own words: "Nexthop id does not exist"; null where it says nothing. */
    readonly detail: string | null,
  ) {
    super(detail ? `${code}: ${detail}` : code);
    this.name = 'NetlinkError';
  }
}

export function errnoName(errno: number): string {
  return errnoNames.get(errno) ?? `errno ${errno}`;
}

/** NLMSG_ERROR: null for a plain acknowledgement. */
export function readAcknowledgement(message: NetlinkMessage): NetlinkError | null {
  const { payload } = message;
  if (payload.length < 4) return new NetlinkError('EBADMSG', 'the acknowledgement is truncated');
  const errno = -payload.readInt32LE(0);
  if (errno === 0) return null;
  return new NetlinkError(errnoName(errno), readDetail(message));
}

/** NLMSG_DONE: since 4.20 it carries the dump's error as a negative errno, and its text. */
export function readDumpEnd(message: NetlinkMessage): NetlinkError | null {
  const { payload, flags } = message;
  if (payload.length < 4) return null;
  const errno = -payload.readInt32LE(0);
  if (errno <= 0) return null;
  const detail = flags & NLM_F_ACK_TLVS ? stringOf(readAttributes(payload, 4), NLMSGERR_ATTR_MSG) : null;
  return new NetlinkError(errnoName(errno), detail);
}

/** The TLVs stand behind the copy of the request, which is only its header where the answer is capped. */
function readDetail({ payload, flags }: NetlinkMessage): string | null {
  if (!(flags & NLM_F_ACK_TLVS) || payload.length < 4 + HEADER_BYTES) return null;
  const requestBytes = flags & NLM_F_CAPPED ? HEADER_BYTES : payload.readUInt32LE(4);
  return stringOf(readAttributes(payload, 4 + ((requestBytes + 3) & ~3)), NLMSGERR_ATTR_MSG);
}
