/** The router's side of the gateway protocol. */
import { randomBytes } from 'node:crypto';
import { bootId } from '../../boot-id.js';
import type { GatewaysConfig } from '../../config/types.js';
import type { Clock, GatewayChannel } from '../../controller/ports.js';
import type { NativeAddon } from '../../native.js';
import { openGatewayLink } from '../link/index.js';
import { machineId, nextEpoch, openPairings } from '../pairing/index.js';
import { rehearseElections } from '../rehearsal.js';
import { createGatewayChannel } from './channel.js';
import type { Log } from '../log.js';

export { createGatewayChannel } from './channel.js';
export type { GatewayChannelOptions, LinkCallbacks } from './channel/options.js';

const MS_PER_SECOND = 1000;

export interface OpenChannelOptions {
  config: GatewaysConfig;
  native: Pick<NativeAddon, 'openLinkSocket'>;
  clock: Clock;
  log: Log;
  /** Network namespace file, for tests; absent: the current one. */
  netns?: string;
}

/**
 * The channel over this machine's identity, pairings and sockets.
 * @throws DetourError STATE_UNUSABLE, NOT_PERMITTED: the state directory cannot be used
 */
export function openGatewayChannel({ config, native, clock, log, netns }: OpenChannelOptions): GatewayChannel {
  const { stateDirectory } = config;
  const self = machineId(stateDirectory);
  const epoch = nextEpoch(stateDirectory, Math.floor(clock.wallMs() / MS_PER_SECOND), 'router');
  const pairings = openPairings({ stateDirectory, side: 'nodes' });
  for (const { file, reason } of pairings.problems()) log('warn', `${file} is not used: ${reason}`);
  rehearseElections();
  return createGatewayChannel({
    config,
    self,
    epoch,
    bootId: bootId(),
    pairings,
    openLink: (callbacks) => openGatewayLink({ ...callbacks, native, ...(netns !== undefined && { netns }) }),
    clock,
    random: () => randomBytes(8).readBigUInt64LE(),
    log,
  });
}
