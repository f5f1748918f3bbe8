/** What an errno of sendto() on an AF_PACKET socket says about the path. */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

export type TransmitErrorKind =
  /** Nothing can leave by this interface: evidence against the path. */
  | 'unusable'
  /** Our own queue is full: evidence of load, not of failure. */
  | 'congested'
  /** Our own fault or lack of rights: says nothing about the path, so we are blind there. */
  | 'internal';

const UNUSABLE: ReadonlySet<number> = new Set([
  constants.errno.ENETDOWN, // the interface is down
  constants.errno.ENXIO, // it was removed while the socket was bound to it
  constants.errno.ENODEV,
]);
const CONGESTED: ReadonlySet<number> = new Set([constants.errno.ENOBUFS, constants.errno.EAGAIN]);

export function classifyTransmitError(errno: number): TransmitErrorKind {
  if (UNUSABLE.has(errno)) return 'unusable';
  return CONGESTED.has(errno) ? 'congested' : 'internal';
}

/** "ENETDOWN" */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}
