import { expect, test } from 'vitest';
import { reporter, type Finding } from '../../../src/cli/doctor/finding.js';
import { doctorJson, doctorText } from '../../../src/cli/doctor/report.js';

const findings: Finding[] = [
  reporter('kernel-version', 'machine', 'Kernel')({ status: 'ok', detail: '6.12.9' }),
  reporter('xdp-support', 'interface', 'XDP')({ status: 'skip', detail: 'not said' }, 'eth1'),
  reporter('xdp-support', 'interface', 'XDP')({ status: 'ok', detail: 'takes redirected frames' }, 'eth2'),
  reporter(
    'offloads',
    'interface',
    'Offloads',
  )(
    { status: 'fail', detail: 'LRO merges frames that then cannot be forwarded', remedy: 'ethtool -K eth1 lro off' },
    'eth1',
  ),
];

test('text: sections, everything about one interface together, remedies under what they remedy', () => {
  expect(doctorText(findings, { width: 60, color: false })).toEqual([
    'Machine',
    '  ok    Kernel    6.12.9',
    '',
    'Interfaces: eth1',
    '  skip  XDP       not said',
    '  FAIL  Offloads  LRO merges frames that then cannot be',
    '                  forwarded',
    '        -> ethtool -K eth1 lro off',
    '',
    'Interfaces: eth2',
    '  ok    XDP       takes redirected frames',
    '',
    '2 ok, 0 to look at, 1 failed, 1 not known',
  ]);
});

test('JSON: stable fields', () => {
  expect(JSON.parse(doctorJson(findings.slice(3)))).toEqual({
    ok: false,
    summary: { ok: 0, warn: 0, fail: 1, skip: 0 },
    checks: [
      {
        id: 'offloads',
        section: 'interface',
        subject: 'eth1',
        title: 'Offloads',
        status: 'fail',
        detail: 'LRO merges frames that then cannot be forwarded',
        remedy: 'ethtool -K eth1 lro off',
      },
    ],
  });
});
