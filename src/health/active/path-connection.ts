/**
 * A connected socket that leaves by one path whatever the routing table says: bound to the device, marked, with the
 * path's source address. The only way by which the active probes reach the network.
 */
import type { NativeAddon, PathSocket } from '../../native.js';
import type { ProbePath } from '../../controller/ports.js';
import type { IpAddress } from '../../net/ip-address.js';

export interface PathConnector {
  native: Pick<NativeAddon, 'openPathSocket'>;
  /** Network namespace file; undefined: the current one. */
  netns: string | undefined;
}

/**
 * The attempt's own deadline comes first: unlike this one it knows about a stalled event loop.
 */
const TIMEOUT_GRACE_MS = 100;

/** @throws NativeError with the errno of the connect: "ECONNREFUSED", "ETIMEDOUT", "EHOSTUNREACH"... */
export function connectByPath(
  connector: PathConnector,
  kind: 'tcp' | 'udp',
  path: ProbePath,
  destination: IpAddress,
  port: number,
  timeoutMs: number,
): Promise<PathSocket> {
  const { native, netns } = connector;
  return native.openPathSocket({
    kind,
    family: destination.family,
    ifname: path.ifname,
    mark: path.mark,
    source: path.source.bytes,
    destination: destination.bytes,
    port,
    scopeId: destination.isLinkLocal || path.source.isLinkLocal ? path.ifindex : 0,
    timeoutMs: timeoutMs + TIMEOUT_GRACE_MS,
    ...(netns === undefined ? {} : { netns }),
  });
}
