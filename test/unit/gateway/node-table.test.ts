/** The table of docs/gateway-protocol.md, section 5: a test for each of its lines, and no line without one. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NodeRig, originOf, SECOND } from '../../helpers/gateway/node-rig.js';
import { tableRows } from '../../helpers/markdown.js';

const document = tableRows(readFileSync('docs/gateway-protocol.md', 'utf8'), ['state', 'event', 'do', 'next']);

/** The ways into the states that a line names. */
const INTO: Record<string, () => NodeRig> = {
  none: () => new NodeRig(),
  given: () => new NodeRig().say('home', 'elect'),
  'in force': () => new NodeRig().elect(),
};

function into(states: string): [string, NodeRig][] {
  const names = states === 'any' ? Object.keys(INTO) : states.split(', ');
  return names.map((name) => {
    const rig = INTO[name]!();
    expect(rig.stateOf()).toBe(name);
    return [name, rig];
  });
}

const LOOP = { path: ['0a'.repeat(16)] };
const OTHER_LEASE = { number: 2n };

/** state and event as the document words them -> what to do to a rig that is in that state, and what it must have done. */
const LINES: Record<string, (rig: NodeRig, state: string) => void> = {
  'any: ADVERTISE is due, an offer may be made (5.1)': (rig, state) => {
    rig.pass(1.1 * SECOND);
    expect(rig.sentOf('advertise').length).toBeGreaterThan(0);
    expect(rig.stateOf()).toBe(state);
  },
  'none: ELECT that can be honoured (5.2), a slot is free': (rig) => {
    rig.say('home', 'elect');
    expect(rig.apply()).toMatchObject([{ pairing: 'home', number: 1n, endsUs: rig.nowUs + 15 * SECOND }]);
    expect(rig.answers()).toEqual([]);
  },
  'none: ELECT otherwise': (rig) => {
    expect(rig.say('home', 'elect', LOOP).answers()).toEqual(['refuse loop']);
    expect(rig.apply()).toBeNull();
  },
  'none: RENEW': (rig) => {
    expect(rig.say('home', 'renew').answers()).toEqual(['refuse no-such-lease']);
  },
  'any: RELEASE of a lease that does not run': (rig) => {
    expect(rig.say('home', 'release', OTHER_LEASE).answers()).toEqual(['released']);
    expect(rig.sentOf('released')).toMatchObject([{ lease: { number: 2n } }]);
  },
  'given: the rules are in force': (rig) => {
    expect(rig.applied().answers()).toEqual(['accept']);
    const renewed = INTO['given']!().say('home', 'renew');
    expect(renewed.answers()).toEqual([]);
    expect(renewed.applied().answers()).toEqual(['status']);
  },
  'given: the rules cannot be written': (rig) => {
    expect(rig.applied('no nf_tables').answers()).toEqual(['refuse arming-failed']);
    expect(rig.apply()).toEqual([]);
  },
  'given: ELECT or RENEW of this lease': (rig) => {
    rig.nowUs += SECOND;
    expect(rig.say('home', 'elect').answers()).toEqual([]);
    expect(rig.apply()).toMatchObject([{ endsUs: rig.nowUs + 15 * SECOND }]);
    const twice = INTO['given']!().say('home', 'renew').say('home', 'elect').applied();
    expect(twice.sentOf('accept')).toMatchObject([{ echo: (5n << 32n) + 3n }]);
    expect(twice.answers()).toEqual(['accept']);
  },
  'in force: ELECT of this lease, same rules': (rig) => {
    rig.nowUs += SECOND;
    expect(rig.say('home', 'elect').answers()).toEqual(['accept']);
    expect(rig.apply()).toMatchObject([{ endsUs: rig.nowUs + 15 * SECOND }]);
    expect(rig.say('home', 'elect', { leftMs: 2000 }).apply()).toBeNull();
  },
  'in force: RENEW of this lease, same rules': (rig) => {
    rig.nowUs += SECOND;
    expect(rig.say('home', 'renew').answers()).toEqual(['status']);
    expect(rig.apply()).toMatchObject([{ endsUs: rig.nowUs + 15 * SECOND }]);
  },
  'in force: ELECT or RENEW of this lease, other rules': (rig) => {
    expect(rig.say('home', 'renew', { role: 'standby' }).answers()).toEqual([]);
    expect(rig.apply()).toMatchObject([{ role: 'standby' }]);
    expect(rig.stateOf()).toBe('given');
    expect(rig.applied().answers()).toEqual(['status']);
    rig.say('home', 'renew', { role: 'standby', origin: originOf('home', '192.0.2.200') });
  },
  'given, in force: ELECT or RENEW of this lease that cannot be honoured (5.2)': (rig) => {
    expect(rig.say('home', 'renew', LOOP).answers()).toEqual(['refuse loop']);
    expect(rig.apply()).toEqual([]);
  },
  'given, in force: ELECT of another lease': (rig) => {
    rig.say('home', 'elect', OTHER_LEASE);
    expect(rig.apply()).toMatchObject([{ number: 2n }]);
    expect(rig.answers()).toEqual([]);
  },
  'given, in force: RENEW of another lease': (rig, state) => {
    expect(rig.say('home', 'renew', OTHER_LEASE).answers()).toEqual(['refuse no-such-lease']);
    expect(rig.stateOf()).toBe(state);
  },
  'given, in force: RELEASE of this lease': (rig) => {
    expect(rig.say('home', 'release').answers()).toEqual([]);
    expect(rig.apply()).toEqual([]);
    expect(rig.say('home', 'release').answers()).toEqual([]);
    expect(rig.applied().answers()).toEqual(['released']);
    expect(rig.say('home', 'release').answers()).toEqual(['released']);
  },
  "given, in force: the lease's end": (rig) => {
    rig.pass(15 * SECOND - 1);
    expect(rig.stateOf()).not.toBe('none');
    expect(rig.apply()).toBeNull();
    expect(rig.pass(1).apply()).toEqual([]);
  },
  'given, in force: the lease can no longer be honoured (5.2)': (rig) => {
    rig.condition({ upstream: ['b1'.repeat(16)] });
    expect(rig.sentOf('withdraw')).toMatchObject([{ lease: { number: 1n, leftMs: 0 }, reason: { code: 'loop' } }]);
    expect(rig.apply()).toEqual([]);
  },
  'in force: the rules are damaged and cannot be written again': (rig) => {
    rig.applied('somebody locks the table');
    expect(rig.sentOf('withdraw')).toMatchObject([{ lease: { number: 1n }, reason: { code: 'arming-failed' } }]);
    expect(rig.apply()).toEqual([]);
  },
  'given, in force: the pairing is removed': (rig) => {
    rig.step({ type: 'pairings', names: [] });
    expect(rig.sent()).toEqual([]);
    expect(rig.apply()).toEqual([]);
  },
};

describe("the node's table in the document", () => {
  it('has a test for each line, and each test has its line', () => {
    expect(document.map(([state, event]) => `${state}: ${event}`).sort()).toEqual(Object.keys(LINES).sort());
  });

  for (const [state = '', event = '', doing = '', next = ''] of document) {
    it(`${state}: ${event} -> ${doing}; ${next}`, () => {
      for (const [name, rig] of into(state)) {
        LINES[`${state}: ${event}`]!(rig, name);
        if (next === 'given') expect(rig.stateOf()).toBe('given');
        else expect(rig.stateOf()).toBe(next === 'same' ? name : next === 'in force' ? 'in force' : 'none');
      }
    });
  }
});
