import { describe, expect, it } from 'vitest';
import { Tally, type TestReport } from '../../scripts/tally.js';

type Test = [status: TestReport['testResults'][number]['assertionResults'][number]['status'], fullName: string];

const file = (status: string, message: string, ...tests: Test[]): TestReport['testResults'][number] => {
  return {
    name: 'a.test.ts',
    status,
    message,
    assertionResults: tests.map(([state, fullName]) => ({ status: state, fullName })),
  };
};

/** The last lines after a ring of one file. */
function linesAfter(status: number, ...files: TestReport['testResults']): string[] {
  const tally = new Tally();
  tally.addRing('ring', status, JSON.stringify({ testResults: files }));
  return tally.lines();
}

describe('the last line of the tests', () => {
  it('holds the two counts of all checks and rings', () => {
    const tally = new Tally();
    tally.pass();
    tally.fail('eslint');
    tally.addRing(
      'unit',
      0,
      JSON.stringify({ testResults: [file('passed', '', ['passed', ' one'], ['passed', ' two'])] }),
    );
    expect(tally.lines()).toEqual(['FAILED eslint', '3 passed, 1 failed']);
    expect(tally.failed).toBe(1);
  });

  it('is the same when tests are skipped: those are told before, with their reasons', () => {
    const skipped: Test = ['skipped', ' VLANs: this kernel has no VLAN devices forwards'];
    expect(linesAfter(0, file('passed', '', ['passed', ' one'], skipped, ['todo', ' two']))).toEqual([
      '2 skipped:',
      '  ring: VLANs: this kernel has no VLAN devices forwards',
      '  ring: two',
      '1 passed, 0 failed',
    ]);
  });
});

// The reports are those of vitest 4.1 after each of these misfortunes.
describe('a failure is counted', () => {
  it('of a test', () => {
    expect(linesAfter(1, file('failed', '', ['failed', ' one'], ['passed', ' two']))).toEqual([
      'FAILED ring: one',
      '1 passed, 1 failed',
    ]);
  });

  it('of a file that does not load', () => {
    expect(linesAfter(1, file('failed', 'Cannot find module\nat there'))).toEqual([
      'FAILED ring: a.test.ts: Cannot find module',
      '0 passed, 1 failed',
    ]);
  });

  it('of a hook, whose tests are reported as skipped', () => {
    expect(linesAfter(1, file('failed', '', ['skipped', ' one']))).toEqual([
      '1 skipped:',
      '  ring: one',
      'FAILED ring: a.test.ts: failed outside of its tests',
      '0 passed, 1 failed',
    ]);
  });

  it('of a worker that crashes, whose tests never end and whose file is reported as passed', () => {
    expect(linesAfter(1, file('passed', '', ['pending', ' one'], ['pending', ' two']))).toEqual([
      'FAILED ring: one: did not end',
      'FAILED ring: two: did not end',
      '0 passed, 2 failed',
    ]);
  });

  it('of an error outside of every test, also when another ring has failed before', () => {
    const tally = new Tally();
    tally.fail('eslint');
    tally.addRing('ring', 1, JSON.stringify({ testResults: [file('passed', '', ['passed', ' one'])] }));
    expect(tally.lines()).toContain('FAILED ring: no test failed, but it ended with status 1');
    expect(tally.lines().at(-1)).toBe('1 passed, 2 failed');
  });

  it('of a run without a test', () => {
    expect(linesAfter(1)).toEqual(['FAILED ring: no test failed, but it ended with status 1', '0 passed, 1 failed']);
  });

  it.each([null, '', '{"testResults":[{"na'])('of a ring that ends before its report is written: %j', (text) => {
    const tally = new Tally();
    tally.addRing('ring', 137, text);
    expect(tally.lines()).toEqual(['FAILED ring: ended with status 137 and no report', '0 passed, 1 failed']);
  });
});
