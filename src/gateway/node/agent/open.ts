/** Puts the agent together: files, sockets, rules. `detour gateway run` is this and a terminal. */
import { randomBytes } from 'node:crypto';
import { setPriority } from 'node:os';
import type { GatewayNodeConfig } from '../../../config/gateway-node/index.js';
import type { Clock } from '../../../controller/ports.js';
import { DetourError, messageOf } from '../../../errors.js';
import { native } from '../../../native.js';
import { nftMissing } from '../../../nft.js';
import { openGatewayLink, type DiscardBurst } from '../../link/index.js';
import type { Log } from '../../log.js';
import { machineId, nextEpoch, openPairings, type PairingStore } from '../../pairing/index.js';
import { pathWriter, readPath } from '../../path-file.js';
import { rehearseElections } from '../../rehearsal.js';
import { ensurePrivateDirectory } from '../../state-file.js';
import type { ReceivedMessage } from '../../link/types.js';
import { openArming } from '../arming/index.js';
import { NodeAgent } from './agent.js';
import { budgetWriter, readBudget } from './budget-file.js';
import { readInterfaces } from './interfaces.js';
import { lockAgent } from './lock.js';
import type { OwnRouterPort } from './ports.js';
import { readPower } from './power.js';
import { statusWriter } from './status-file.js';
import type { AgentStatus } from './status.js';
import { openChangeableWaysOut, waysOutOf } from './ways-out.js';

export interface RunNodeOptions {
  config: GatewayNodeConfig;
  statusFile: string;
  hostname: string;
  clock: Clock;
  log: Log;
  /** Resolves with what asked for the end. */
  untilStopped: Promise<string>;
  onReady: () => void;
  onStarted?: (node: RunningNode) => void;
}

export interface RunningNode {
  /** For a status line; asked for as often as somebody looks. */
  status(): AgentStatus;
  /** What `changeNode` says that can be changed: another state directory would change nothing. */
  configure(config: GatewayNodeConfig): void;
}

/**
 * Runs until `untilStopped`, then withdraws and disarms.
 * @throws DetourError ALREADY_RUNNING, STATE_UNUSABLE, NOT_PERMITTED, NODE_NOT_DISARMED
 */
export async function runNode(options: RunNodeOptions): Promise<void> {
  const { stateDirectory } = options.config;
  ensurePrivateDirectory(stateDirectory);
  const unlock = lockAgent(native, { stateDirectory });
  try {
    await runLocked(options);
  } finally {
    unlock();
  }
}

async function runLocked(options: RunNodeOptions): Promise<void> {
  const { config, clock, log } = options;
  const { stateDirectory } = config;
  const pairings = openPairings({ stateDirectory, side: 'routers' });
  const budget = budgetWriter({ stateDirectory, isServing: () => agent.leases().length > 0, clock, log });
  const { agent, configure } = assemble(
    options,
    pairings,
    (record) => budget.keep(record),
    () => status.changed(),
  );
  const status = statusWriter(options.statusFile, () => agent.status(), clock, log);
  try {
    tellPairings(pairings, log);
    raisePriority(log);
    rehearseElections();
    agent.start();
    options.onStarted?.({ status: () => agent.status(), configure });
    options.onReady();
    const reason = await options.untilStopped;
    log('info', `ending: ${reason}`);
    const problem = await agent.stop({ code: 'shutting-down', text: '' });
    if (problem !== null) throw new DetourError('NODE_NOT_DISARMED', { problem });
    log('info', 'ended: everything is as it was found');
  } finally {
    pairings.close();
    budget.close();
    status.close();
  }
}

/** A router without any other way out waits for the answer to ELECT: the same as the router's own thread has. */
const NICE = -15;

/** With CAP_NET_ADMIN alone it is not allowed, and not needed. */
function raisePriority(log: Log): void {
  try {
    setPriority(NICE);
  } catch (error) {
    log('debug', `running at ordinary priority: ${messageOf(error)}`);
  }
}

function assemble(
  { config: atStart, hostname, clock, log }: RunNodeOptions,
  pairings: PairingStore,
  onCarried: (record: { period: string; bytes: bigint }) => void,
  onChange: () => void,
): { agent: NodeAgent; configure: RunningNode['configure'] } {
  const { stateDirectory } = atStart;
  let config = atStart;
  // The way out and the link ask for it, as soon as there is one.
  let agent: NodeAgent | null = null;
  const self = machineId(stateDirectory);
  const epoch = nextEpoch(stateDirectory, clock.wallMs() / 1000, 'node');
  const backhaul = openChangeableWaysOut({
    config: config.backhaul,
    clock,
    exclude: () => agent?.interfaceNames() ?? [],
  });
  const arming = openArming({
    stateDirectory,
    backhaul: () => backhaul.interfaces(),
    routedPrefixes: () => config.routedPrefixes,
    log: (text) => log('info', text),
  });
  const link = openGatewayLink({
    role: 'node',
    self,
    pairings: () => pairings.list(),
    native,
    clock,
    prefer: config.advertiseFamily,
    onMessage: (received: ReceivedMessage) => agent?.receive(received),
    onBurst: (burst) => log('warn', describeBurst(burst)),
    onPeer: (name, peer) => keeping(log, () => pairings.setPeer(name, peer)),
    onKeyUsed: (name, key) => keeping(log, () => pairings.dropOldKeys(name, key)),
  });
  agent = new NodeAgent(
    {
      config,
      self,
      epoch,
      seed: randomBytes(4).readUInt32BE(),
      hostname,
      pid: process.pid,
      budget: readBudget(stateDirectory, log),
      waysOut: () => waysOutOf(config.backhaul),
      onChange,
      onCarried,
    },
    {
      clock,
      machine: { interfaces: readInterfaces, power: readPower, lacks: nftMissing },
      backhaul,
      arming,
      link,
      pairings,
      ownRouter: ownRouterOf(stateDirectory, clock, log),
      log,
    },
  );
  const configure = (wanted: GatewayNodeConfig): void => {
    config = wanted;
    backhaul.configure(wanted.backhaul);
    agent.configure(wanted);
  };
  return { agent, configure };
}

function ownRouterOf(stateDirectory: string, clock: Clock, log: Log): OwnRouterPort {
  const writer = pathWriter(stateDirectory, 'downstream', clock);
  return {
    upstream: () => {
      let ids: string[] = [];
      keeping(log, () => (ids = readPath(stateDirectory, 'upstream', clock)));
      return ids;
    },
    serve: (routers) => keeping(log, () => writer.keep(routers)),
  };
}

/** A file that cannot be read or written hinders no traffic. */
function keeping(log: Log, action: () => void): void {
  try {
    action();
  } catch (error) {
    log('warn', messageOf(error));
  }
}

function tellPairings(pairings: PairingStore, log: Log): void {
  for (const { file, reason } of pairings.problems()) log('warn', `${file}: ${reason}`);
  const names = pairings.list().map(({ name }) => name);
  log('info', names.length > 0 ? `paired with ${names.join(', ')}` : 'paired with no router yet: detour gateway join');
}

function describeBurst({ reason, count, origin }: DiscardBurst): string {
  const from = origin ? ` from ${origin.address.toString()} on ${origin.ifname}` : '';
  return `${count} message${count === 1 ? '' : 's'}${from} discarded: ${reason}`;
}
