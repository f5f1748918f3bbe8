import { describe, expect, test } from 'vitest';
import { bpffs } from '../../../src/cli/doctor/checks/bpffs.js';
import { btf } from '../../../src/cli/doctor/checks/btf.js';
import { capabilities } from '../../../src/cli/doctor/checks/capabilities.js';
import { clock } from '../../../src/cli/doctor/checks/clock.js';
import { checks } from '../../../src/cli/doctor/checks/index.js';
import { jit } from '../../../src/cli/doctor/checks/jit.js';
import { kernelVersion } from '../../../src/cli/doctor/checks/kernel-version.js';
import { libraries } from '../../../src/cli/doctor/checks/libraries.js';
import { memoryLimit } from '../../../src/cli/doctor/checks/memory-limit.js';
import type { Check } from '../../../src/cli/doctor/finding.js';
import { lineOf, lines, machine, type Machine } from '../../helpers/doctor.js';

test('a machine where all is right has nothing to look at', () => {
  const findings = checks.flatMap((check) => check(machine()));
  expect(findings.filter(({ status }) => status !== 'ok').map(lineOf)).toEqual([]);
  expect(findings.length).toBeGreaterThan(20);
});

test('whatever is wrong comes with a remedy', () => {
  const unknown = { unknown: 'not allowed' };
  const broken: Machine[] = [
    {
      files: Object.fromEntries(
        ['/proc/sys/kernel/osrelease', '/sys/kernel/btf/vmlinux', '/proc/self/mountinfo'].map((path) => [path, null]),
      ),
    },
    { view: unknown, features: unknown, hooks: unknown, libraries: { addon: unknown, libbpf: unknown } },
    { config: null, configProblems: ['home.yaml:1:1: bad'] },
  ];
  for (const input of broken) {
    for (const finding of checks.flatMap((check) => check(machine(input)))) {
      if (finding.status === 'warn' || finding.status === 'fail') expect(finding.remedy, lineOf(finding)).toBeTruthy();
    }
  }
});

const rows: [description: string, check: Check, change: Machine, expected: string[]][] = [
  [
    'the oldest kernel',
    kernelVersion,
    { files: { '/proc/sys/kernel/osrelease': '6.1.0-30-amd64' } },
    ['ok: 6.1.0-30-amd64; before 6.3 it does not say which devices take redirected frames'],
  ],
  [
    'a kernel that is too old',
    kernelVersion,
    { files: { '/proc/sys/kernel/osrelease': '5.15.0' } },
    ['fail: 5.15.0; Detour needs 6.1'],
  ],
  ['kernel 10 is newer than 6.1', kernelVersion, { files: { '/proc/sys/kernel/osrelease': '10.0.1' } }, ['ok: 10.0.1']],
  [
    'no capability',
    capabilities,
    { files: { '/proc/self/status': 'CapEff:\t0000000000000000\n' } },
    ['fail: missing: CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON'],
  ],
  // net_admin, net_raw, sys_admin, sys_nice
  [
    'CAP_SYS_ADMIN contains CAP_BPF and CAP_PERFMON',
    capabilities,
    { files: { '/proc/self/status': 'CapEff:\t0000000000a03000\n' } },
    ['ok: CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON'],
  ],
  [
    'no real-time priority',
    capabilities,
    { files: { '/proc/self/status': 'CapEff:\t000000c000003000\n' } },
    ['warn: the probe transmitter and the link watch run without real-time priority'],
  ],
  [
    'a limit below the priority that is asked for',
    capabilities,
    {
      files: {
        '/proc/self/status': 'CapEff:\t000000c000003000\n',
        '/proc/self/limits': 'Max realtime priority     39                   99                   \n',
      },
    },
    ['warn: the probe transmitter and the link watch run without real-time priority'],
  ],
  [
    'real-time priority by its limit, without CAP_SYS_NICE',
    capabilities,
    {
      files: {
        '/proc/self/status': 'CapEff:\t000000c000003000\n',
        '/proc/self/limits': 'Max realtime priority     40                   40                   \n',
      },
    },
    ['ok: CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON'],
  ],
  ['no BTF', btf, { files: { '/sys/kernel/btf/vmlinux': null } }, ['fail: there is no /sys/kernel/btf/vmlinux']],
  [
    'no bpffs',
    bpffs,
    { files: { '/proc/self/mountinfo': '1 1 0:1 / / rw - ext4 /dev/vda rw\n' } },
    ['fail: none is mounted above /sys/fs/bpf/detour'],
  ],
  [
    'a bpffs elsewhere',
    bpffs,
    { files: { '/proc/self/mountinfo': '1 1 0:1 / /run/bpf rw - bpf bpf rw\n' } },
    ['fail: none is mounted above /sys/fs/bpf/detour (one is at /run/bpf)'],
  ],
  [
    'a bpffs whose name only begins alike',
    bpffs,
    { files: { '/proc/self/mountinfo': '1 1 0:1 / /sys/fs/b rw - bpf bpf rw\n' } },
    ['fail: none is mounted above /sys/fs/bpf/detour (one is at /sys/fs/b)'],
  ],
  [
    'a bpffs with a blank in its name',
    bpffs,
    {
      files: { '/proc/self/mountinfo': '1 1 0:1 / /my\\040bpf rw - bpf bpf rw\n' },
      config: 'uplinks: {a: {interface: eth1}}\ndataplane: {pin_path: /my bpf/x}',
    },
    ['ok: mounted at /my bpf'],
  ],
  [
    'a small cgroup',
    memoryLimit,
    {
      files: {
        '/sys/fs/cgroup/system.slice/memory.max': '104857600\n',
        '/sys/fs/cgroup/system.slice/detour.service/memory.max': 'max\n',
      },
    },
    ['warn: /system.slice is limited to 100 MiB, to which maps are charged'],
  ],
  [
    'a cgroup that is large enough',
    memoryLimit,
    { files: { '/sys/fs/cgroup/system.slice/memory.max': '1073741824\n' } },
    ['ok: /system.slice is limited to 1024 MiB, to which maps are charged'],
  ],
  [
    'libraries that do not load',
    libraries,
    { libraries: { addon: { unknown: 'wrong ABI' }, libbpf: { unknown: 'no such file' } } },
    ['fail: wrong ABI', 'fail: no such file'],
  ],
  [
    'a libbpf that is too old',
    libraries,
    { libraries: { addon: 'loads', libbpf: 'v0.8' } },
    ['ok: loads', 'fail: version v0.8; 1.1 is needed'],
  ],
  ['a newer libbpf', libraries, { libraries: { addon: 'loads', libbpf: 'v1.10' } }, ['ok: loads', 'ok: version 1.10']],
  [
    'no compiler',
    jit,
    { files: { '/proc/sys/net/core/bpf_jit_enable': '0\n' } },
    ['warn: off: programs are interpreted'],
  ],
  [
    'a hardened compiler',
    jit,
    { files: { '/proc/sys/net/core/bpf_jit_harden': '2\n' } },
    ['warn: on, but constants are blinded for root too (net.core.bpf_jit_harden=2), which costs speed'],
  ],
  [
    'a compiler that cannot be asked',
    jit,
    { files: { '/proc/sys/net/core/bpf_jit_enable': null } },
    ['skip: net.core.bpf_jit_enable cannot be read: root is needed, in the first network namespace'],
  ],
  [
    'a slow clock',
    clock,
    { files: { '/sys/devices/system/clocksource/clocksource0/current_clocksource': 'hpet\n' } },
    ['warn: source hpet is slow to read, and latencies are measured with it'],
  ],
];

describe('the machine', () => {
  test.each(rows)('%s', (_, check, change, expected) => {
    expect(lines(check, machine(change))).toEqual(expected);
  });
});
