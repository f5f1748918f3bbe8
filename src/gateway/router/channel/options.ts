/** What a channel is made of. */
import type { GatewaysConfig } from '../../../config/types.js';
import type { Clock } from '../../../controller/ports.js';
import type { GatewayLinkOptions, OpenGatewayLink } from '../../link/index.js';
import type { PairingStore } from '../../pairing/index.js';
import type { MachineId } from '../../wire/types.js';
import type { Log } from '../../log.js';

export interface GatewayChannelOptions {
  config: GatewaysConfig;
  self: MachineId;
  /** Greater than of every run before (nextEpoch of the pairings). */
  epoch: number;
  /** /proc/sys/kernel/random/boot_id. */
  bootId: string;
  /** Closed with the channel. */
  pairings: PairingStore;
  openLink: (options: LinkCallbacks) => OpenGatewayLink;
  clock: Clock;
  /** 64 bits from a good source. */
  random: () => bigint;
  log: Log;
}

/** What the channel gives to a link; the rest of its options are the machine's that it runs on. */
export type LinkCallbacks = Pick<
  GatewayLinkOptions,
  'role' | 'self' | 'clock' | 'pairings' | 'onMessage' | 'onBurst' | 'onPeer' | 'onKeyUsed'
>;
