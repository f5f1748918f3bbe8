import { expect, test } from 'vitest';
import { renderEvent } from '../../../src/cli/views/events.js';
import { describeRecord } from '../../../src/controller/describe-record.js';
import type { TransitionRecord } from '../../../src/engine/types.js';

const records: [TransitionRecord, string][] = [
  [
    { kind: 'path', uplink: 'a', family: 4, from: 'up', to: 'down', alive: true, cause: 'lost', atUs: 0 },
    'a IPv4 up -> down (still in use): lost',
  ],
  [
    { kind: 'group', group: 'net', family: 6, from: [], to: ['a', 'b'], cause: 'a is up', atUs: 0 },
    'net IPv6 uses a + b instead of none: a is up',
  ],
  [
    { kind: 'all-down', family: 4, believed: false, lastGood: 'a', cause: 'lost', atUs: 0 },
    'all IPv4 paths seem to be down, a is kept in use: lost',
  ],
  [{ kind: 'all-down-ended', family: 4, cause: 'a is up', atUs: 0 }, 'not all IPv4 paths are down any more: a is up'],
  [{ kind: 'operator', what: 'drain a', by: 'api (unix socket)', atUs: 0 }, 'operator: drain a, by api (unix socket)'],
  [{ kind: 'blind', durationUs: 120_400, cause: 'late', atUs: 0 }, 'blind for 120 ms: late'],
];

test.each(records)('%j has one text, in the log and in `detour events`', (record, text) => {
  expect(describeRecord(record)).toBe(text);
  const event = { run: 'r', sequence: 7, time: 'not a time', record };
  expect(renderEvent(event, false)).toBe(`not a time #7 ${text}`);
});
