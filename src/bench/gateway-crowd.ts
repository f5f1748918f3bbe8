/**
 * What a link with five hundred nodes costs the router that is paired with all of them: each advertises once a second.
 *
 * As in idle.ts the configured gateway receives in a thread of its own: what it does with the probes is not the router's.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { newKey, openPairings } from '../gateway/pairing/index.js';
import type { Crowd, CrowdMember } from '../lab/crowd.js';
import { RescueRig } from '../lab/rescue-rig.js';
import { ipBatch } from '../lab/shell.js';
import { poll } from '../lab/story-parts.js';
import { NODE_LAN_INTERFACE, namespacePath } from '../lab/topology.js';
import { receiveInThread } from './napi.js';
import { measureLoad } from './process-load.js';
import type { ProcessLoad } from './process-load.js';
import type { Keep } from './parts.js';
import { row } from './result.js';
import type { BenchContext, Row } from './result.js';

const NODES = 500;
const INTERVAL_MS = 1000;
const WINDOW_MS = 10_000;
const WINDOWS = 3;
/** Compilation by V8 and the first full reconciliation are start-up, not the crowd's. */
const SETTLE_MS = 5000;
const TIMEOUT_MS = 60_000;

/** The members, each paired with the router. */
function pairAll(stateDirectory: string): CrowdMember[] {
  const pairings = openPairings({ stateDirectory, side: 'nodes' });
  const members = Array.from({ length: NODES }, (_, index) => {
    const key = newKey(Date.now());
    const id = randomBytes(16).toString('hex');
    pairings.add({ name: `node-${index}`, peer: id, keys: [key], approved: true });
    return {
      address: `fe80::d:${(index + 1).toString(16)}`,
      id,
      key: Buffer.from(key.key).toString('hex'),
      keyId: key.id,
    };
  });
  pairings.close();
  return members;
}

function gather(rig: RescueRig, crowd: Crowd): ChildProcess {
  const node = rig.lab.nodes[0];
  if (!node) throw new Error('the crowd needs a node to run on');
  ipBatch(
    node.namespace,
    crowd.members.map(({ address }) => `addr add ${address}/64 dev ${crowd.interface} nodad`),
  );
  const program = new URL('../../dist/lab/crowd.js', import.meta.url).pathname;
  const child = spawn('nsenter', [`--net=${namespacePath(node.namespace)}`, process.execPath, program], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin.end(JSON.stringify(crowd));
  return child;
}

async function measure({ pid }: { pid: number }, context: BenchContext): Promise<ProcessLoad> {
  await sleep(SETTLE_MS, undefined, context);
  return measureLoad(pid, { windows: WINDOWS, windowMs: WINDOW_MS, signal: context.signal });
}

function rowsOf(name: string, { cpu, resident }: ProcessLoad): Row[] {
  return [
    row('detour', name, { name: 'cpu_percent', unit: '% of a core' }, cpu),
    row('detour', name, { name: 'rss_mb', unit: 'MiB' }, resident),
  ];
}

export async function crowd(context: BenchContext, keep: Keep): Promise<void> {
  const rig = new RescueRig({ tag: `bc${process.pid}`, signal: context.signal });
  context.defer(() => rig.destroy());
  for (const gateway of rig.lab.names.gateways) receiveInThread(gateway, 'lan');
  rig.writeConfig();
  const members = pairAll(rig.routerState);
  const controller = await rig.startController();
  const alone = await measure(controller, context);
  keep(rowsOf('no node', alone));
  const child = gather(rig, { interface: NODE_LAN_INTERFACE, intervalMs: INTERVAL_MS, members });
  context.defer(() => void child.kill('SIGTERM'));
  const story = {
    controller,
    family: 6 as const,
    say: () => undefined,
    signal: context.signal,
    eventTimeoutMs: TIMEOUT_MS,
  };
  await poll(story, `${NODES} offers`, async () => {
    const { body } = await controller.call('GET', '/v1/gateways');
    const { gateways } = body as { gateways: { state: string }[] };
    return gateways.filter(({ state }) => state === 'offered').length === NODES ? true : undefined;
  });
  const crowded = await measure(controller, context);
  keep(rowsOf(`${NODES} nodes, 1 s`, crowded));
}
