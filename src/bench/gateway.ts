/** Gateway nodes: what an election, a return, a lossy link, a kill and a crowd cost. */
import { crowd } from './gateway-crowd.js';
import { cycles } from './gateway-cycles.js';
import { kills } from './gateway-kills.js';
import { losses } from './gateway-loss.js';
import type { Bench, BenchContext, Measured } from './result.js';

async function run(context: BenchContext): Promise<Measured> {
  context.say('elections, cold and warm, beside failovers to a configured uplink');
  const rows = await cycles(context);
  context.say('elections and releases over a lossy link');
  rows.push(...(await losses(context)));
  context.say('kills of the router and of the node');
  rows.push(...(await kills(context)));
  context.say('a crowd of nodes');
  rows.push(...(await crowd(context)));
  return {
    ratios: [],
    rows,
    notes: [
      "elect_ms: from the controller's record that the last line is down to the first packet at the far server that came through the node.",
      "disarm_ms: from RELEASE to RELEASED, as they passed the node's interface; RELEASED is sent once the rules are gone.",
      'Over a lossy link: loss, repetition and overtaking of protocol messages only, in both directions; times are from the first RELEASE sent, and from the first family that lost its line.',
      'The node stands on the LAN and the way back is the router (the default): the router translates and forwards in the stack.',
      'All machines of the lab, node and far server included, share the two cores of this one.',
    ],
  };
}

export const gateway: Bench = { name: 'gateway', run };
