/**
 * Plays link failures on a throwaway state before the real ones: the code of a failover has then been compiled, and its
 * first run is not the slowest (measured in the lab: 4 ms from a cut to the event when cold, 1.5 ms when warm). Possible only
 * because the decision and the facts are pure.
 */
import type { Config } from '../config/types.js';
import { allDownViews, groupViews, initialState, pathViews, step } from '../engine/index.js';
import type { EngineState } from '../engine/index.js';
import { IpAddress } from '../net/ip-address.js';
import { allFacts } from './facts.js';
import type { UplinkFacts } from './facts.js';
import { gatewayNeed, measuredPaths, nodesWithoutTraffic, workingFamilies } from './gateway-need.js';
import { gatewayEdges, gatewayUplinkName, withElected } from './gateway-uplinks.js';
import { NameIndex } from './ids.js';
import { fibIntent, probeIntents, wantedNeighbours } from './intents.js';
import type { Inputs } from './intents.js';
import { enginePolicy } from './policy.js';
import type { ElectedNode, KernelView } from './ports.js';
import { eventsBetween } from './sensing.js';

/** Enough for V8's baseline compiler; a round costs some 0.1 ms. */
const ROUNDS = 100;

export function rehearseLinkFailures(config: Config, view: KernelView, startUs: number): void {
  let nowUs = startUs;
  let { state } = step(initialState(), { type: 'configure', policy: enginePolicy(config) }, nowUs);
  let facts: UplinkFacts[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const links = new Map([...view.links].map(([ifindex, link]) => [ifindex, { ...link, carrier: round % 2 === 0 }]));
    const after = allFacts(config, { ...view, links });
    for (const event of eventsBetween(facts, after)) {
      nowUs += 1000;
      state = step(state, event, nowUs).state;
    }
    facts = after;
    groupViews(state);
    pathViews(state, nowUs);
    rehearseElection(config, { state, view, facts }, nowUs);
  }
}

/** Of a node that nobody has met: what comes between the failure of the last uplink and the first probe by a neighbour. */
function rehearseElection(
  configured: Config,
  { state, view, facts }: { state: EngineState; view: KernelView; facts: readonly UplinkFacts[] },
  nowUs: number,
): void {
  const ifname = configured.gateways?.interfaces[0];
  if (ifname === undefined) return;
  const node: ElectedNode = {
    name: 'rehearsal',
    ifindex: 0,
    ifname,
    role: 'active',
    gateways: { 4: IpAddress.parse('192.0.2.1'), 6: IpAddress.parse('2001:db8::1') },
    translated: true,
    leaving: false,
  };
  const config = withElected(configured, [node], [4, 6]);
  const indexes = { uplinkIndex: new NameIndex(), groupIndex: new NameIndex() };
  // Read off the view they would cost a look at all of its routes.
  const withNode = facts.flatMap((fact) => [fact, { ...fact, uplink: gatewayUplinkName(node.name) }]);
  const after = step(state, { type: 'configure', policy: enginePolicy(config) }, nowUs).state;
  for (const [elected, now] of [
    [[], state],
    [[node], after],
  ] as const) {
    const paths = pathViews(now, nowUs);
    const groups = groupViews(now);
    const there = allDownViews(now);
    const inputs = {
      configured,
      elected,
      paths,
      groups,
      there,
      worked: new Set(workingFamilies({ configured, paths })),
    };
    gatewayNeed({ ...inputs, starting: false });
    nodesWithoutTraffic({ ...inputs, starting: false });
    measuredPaths(inputs);
    rehearseIntents({ config, view, facts: withNode, groups, paths, ...indexes });
  }
}

/** Those that are carried out ahead of a pass (ahead-of-pass.ts). */
function rehearseIntents(inputs: Inputs): void {
  wantedNeighbours(inputs.facts);
  probeIntents(inputs, new Set());
  gatewayEdges(inputs.config);
  fibIntent(inputs);
}
