/** Gateway nodes: what an election, a return, a lossy link, a kill, a crowd and a flood cost. */
import { crowd } from './gateway-crowd.js';
import { cycles } from './gateway-cycles.js';
import { floods } from './gateway-flood.js';
import { kills } from './gateway-kills.js';
import { losses } from './gateway-loss.js';
import { runParts } from './parts.js';
import type { Part } from './parts.js';
import type { Bench, BenchContext, Measured } from './result.js';

const PARTS: readonly Part[] = [
  { name: 'elections, cold and warm, beside failovers to a configured uplink', measure: cycles },
  { name: 'elections and releases over a lossy link', measure: losses },
  { name: 'kills of the router and of the node', measure: kills },
  { name: 'a crowd of nodes', measure: crowd },
  { name: 'a flood of made-up nodes', measure: floods },
];

async function run(context: BenchContext): Promise<Measured> {
  return {
    ratios: [],
    ...(await runParts(context, PARTS)),
    notes: [
      "elect_ms: from the controller's record that the last line is down to the first packet at the far server that came through the node.",
      "disarm_ms: from RELEASE to RELEASED, as they passed the node's interface; RELEASED is sent once the rules are gone.",
      'Over a lossy link: loss, repetition and overtaking of protocol messages only, in both directions; times are from the first RELEASE sent, and from the first family that lost its line.',
      'Floods: counted where the router takes messages from the LAN; rates are a second, losses are those of a window of 2 s.',
      'A crowd: what the configured gateway does with the probes is not counted, it receives in a thread of its own.',
      'The node stands on the LAN and the way back is the router (the default): the router translates and forwards in the stack.',
      'All machines of the lab, node, enemy and far server included, share the cores of this one.',
    ],
  };
}

export const gateway: Bench = { name: 'gateway', run };
