/** The parts of the agent that read the machine, count, and tell. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test, vi } from 'vitest';
import type { AgentStatus, LeaseStatus } from '../../../../src/gateway/node/agent/index.js';
import { ByteBudget, decodeBudget, encodeBudget } from '../../../../src/gateway/node/agent/budget.js';
import {
  chooseInterfaces,
  combine,
  parseIpv4Indices,
  parseIpv6Addresses,
} from '../../../../src/gateway/node/agent/interfaces.js';
import { lockAgent } from '../../../../src/gateway/node/agent/lock.js';
import { readPower } from '../../../../src/gateway/node/agent/power.js';
import { readStatusFile, statusWriter } from '../../../../src/gateway/node/agent/status-file.js';
import { openChangeableWaysOut, type ChangeableWaysOut } from '../../../../src/gateway/node/agent/ways-out.js';
import { defaultNodeConfig, parseNodeConfig, type NodeTarget } from '../../../../src/config/gateway-node/index.js';
import { native } from '../../../../src/native.js';
import { IpAddress } from '../../../../src/net/ip-address.js';
import { renderNodeStatus, statusLine } from '../../../../src/cli/views/node-status.js';
import { statusLine as terminalLine } from '../../../../src/cli/status-line.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

const directory = mkdtempSync(join(tmpdir(), `dt-agent-parts-${process.pid}-`));
afterAll(() => rmSync(directory, { recursive: true }));

describe('the battery', () => {
  let serial = 0;
  function powerOf(supplies: Record<string, Record<string, string>>) {
    const root = join(directory, `power-${serial++}`);
    for (const [name, files] of Object.entries(supplies)) {
      mkdirSync(join(root, name), { recursive: true });
      for (const [file, text] of Object.entries(files)) writeFileSync(join(root, name, file), `${text}\n`);
    }
    return readPower(root);
  }
  const battery = (capacity: number, status: string) => ({ type: 'Battery', capacity: `${capacity}`, status });

  it('is none on a machine without, or with one in its mouse only', () => {
    const mains = { batteryPercent: null, charging: false };
    expect(readPower(join(directory, 'missing'))).toEqual(mains);
    expect(powerOf({ AC: { type: 'Mains', online: '1' } })).toEqual(mains);
    expect(powerOf({ mouse: { ...battery(3, 'Discharging'), scope: 'Device' } })).toEqual(mains);
    expect(powerOf({ BAT0: { ...battery(0, 'Unknown'), capacity: 'broken' } })).toEqual(mains);
  });

  it('is the emptiest one, charging while the mains feeds the machine', () => {
    expect(powerOf({ BAT0: battery(80, 'Full'), BAT1: battery(40, 'Discharging') })).toEqual({
      batteryPercent: 40,
      charging: false,
    });
    for (const status of ['Charging', 'Full', 'Not charging'])
      expect(powerOf({ BAT0: battery(0, status) })).toEqual({ batteryPercent: 0, charging: true });
  });
});

describe('interfaces', () => {
  const IGMP = `Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     1      V3
\t\t\t\t010000E0     1 0:00000000\t\t0
12\twlan0     :     2      V3
\t\t\t\t010000E0     1 0:00000000\t\t0
3\tlan.7     :     1      V2
`;
  const INET6 = `00000000000000000000000000000001 01 80 10 80       lo
fe800000000000000000000000000007 0c 40 20 80    wlan0
20010db8000000000000000000000007 0c 40 00 80    wlan0
fe800000000000000000000000000009 05 40 20 c0     usb0
`;

  it('are found by both families, each with the addresses that routers can send to', () => {
    const address = (ifname: string, text: string) => ({ ifname, address: IpAddress.parse(text) });
    const found = combine(
      [
        address('wlan0', '169.254.1.1'),
        address('wlan0', '192.0.2.7'),
        address('lan.7', '198.51.100.7'),
        address('gone', '203.0.113.7'),
      ],
      parseIpv4Indices(IGMP),
      parseIpv6Addresses(INET6),
    );
    // usb0's only address is still being tested for being unique.
    expect(JSON.parse(JSON.stringify(found))).toEqual([
      { ifindex: 3, ifname: 'lan.7', addresses: { 4: '198.51.100.7' } },
      { ifindex: 12, ifname: 'wlan0', addresses: { 4: '192.0.2.7', 6: 'fe80::7' } },
    ]);
  });

  const named = (...names: string[]) => names.map((ifname, index) => ({ ifindex: index + 1, ifname, addresses: {} }));

  it('are chosen where only one is not the way out, and kept when others come', () => {
    expect(chooseInterfaces(named('wlan0', 'wwan0'), ['wwan0'], [])).toEqual({ names: ['wlan0'] });
    expect(chooseInterfaces(named('wlan0', 'wwan0', 'docker0'), ['wwan0'], ['wlan0'])).toEqual({ names: ['wlan0'] });
  });

  it('are for the owner to name where several could be meant, or none', () => {
    expect(chooseInterfaces(named('wlan0', 'eth0', 'wwan0'), ['wwan0'], [])).toEqual({
      problem: 'routers may be on wlan0, eth0: say where with --interface',
    });
    expect(chooseInterfaces(named('wwan0'), ['wwan0'], [])).toEqual({
      problem: 'no interface with an address besides wwan0, the way out',
    });
  });
});

describe('the byte budget', () => {
  const november = new Date(2026, 10, 24, 12).getTime();
  const tomorrow = november + 24 * 3_600_000;
  const december = new Date(2026, 11, 1).getTime();
  const limit = { bytes: 1000n, per: 'month' } as const;
  const usage = (bytes: bigint) => new Map([['home', { toNetworkBytes: bytes, fromNetworkBytes: 0n }]]);

  it('counts what was added since the last look, over leases', () => {
    const budget = new ByteBudget(limit, null, november);
    for (const bytes of [100n, 250n, 250n, 30n]) budget.note(usage(bytes), november);
    expect(budget.record).toEqual({ period: '2026-11', bytes: 280n });
    expect(budget.left(november)).toBe(720n);
    budget.note(usage(5000n), november);
    expect(budget.left(november)).toBe(0n);
  });

  it('begins anew with each month, or each day', () => {
    const monthly = new ByteBudget(limit, { period: '2026-11', bytes: 400n }, november);
    expect([monthly.left(november), monthly.left(tomorrow), monthly.left(december)]).toEqual([600n, 600n, 1000n]);
    const daily = new ByteBudget({ bytes: 1000n, per: 'day' }, { period: '2026-11-24', bytes: 400n }, november);
    expect([daily.left(november), daily.left(tomorrow)]).toEqual([600n, 1000n]);
  });

  it('does not count twice what a lease had carried before the new month', () => {
    const budget = new ByteBudget(limit, null, november);
    budget.note(usage(900n), november);
    budget.note(usage(950n), december);
    expect(budget.record).toEqual({ period: '2026-12', bytes: 50n });
  });

  it('is no limit where the owner has set none', () => {
    expect(new ByteBudget(null, null, november).left(november)).toBeNull();
  });

  it('is read as it was written, and not from what is no such file', () => {
    const record = { period: '2026-11', bytes: 18_446_744_073_709_551_615n };
    expect(decodeBudget(encodeBudget(record))).toEqual(record);
    for (const text of ['', '{}', 'null', '{"version":1,"period":"x","bytes":"-1"}', '{"version":2}'])
      expect(decodeBudget(text)).toBeNull();
  });
});

const NOW_MS = new Date(2026, 10, 24, 12, 30).getTime();
const iso = (ms: number): string => new Date(ms).toISOString();
const LEASE: LeaseStatus = {
  router: 'home',
  id: 'b1'.repeat(16),
  address: '192.0.2.1',
  role: 'active',
  families: [4, 6],
  since: iso(new Date(2026, 10, 24, 12, 3).getTime()),
  endsAt: iso(NOW_MS + 22_600),
  armed: true,
  toNetworkBytes: '1000000',
  fromNetworkBytes: '40000000',
};
const STATUS = {
  version: 1,
  pid: process.pid,
  id: '0a'.repeat(16),
  name: 'phone',
  startedAt: iso(NOW_MS),
  updatedAt: iso(NOW_MS),
  state: 'offering',
  obstacle: null,
  interfaces: [{ name: 'wlan0', addresses: ['192.0.2.7', 'fe80::7'], problem: null }],
  families: [4, 6],
  backhaul: [
    { family: 4, state: 'good', lossPermille: 0, rttUs: 38_500, ageMs: 10 },
    { family: 6, state: 'unknown', lossPermille: 0, rttUs: 0, ageMs: 0 },
  ],
  power: { batteryPercent: 87, charging: false },
  budget: { period: '2026-11', usedBytes: '500000000', leftBytes: '1500000000' },
  routers: ['home'],
  leases: [],
  messages: { received: 0, accepted: 0, sent: 0, sendErrors: 0, discarded: {} },
} satisfies AgentStatus;
const statusWith = (changes: Partial<AgentStatus>): AgentStatus => ({ ...STATUS, ...changes });

describe('the status line', () => {
  test.each<[string, Partial<AgentStatus>]>([
    ['elected by 192.0.2.1 since 12:03, 41 MB carried, lease 23 s', { state: 'elected', leases: [LEASE] }],
    [
      'elected on standby by 192.0.2.1 since 12:03, 41 MB carried, lease 0 s',
      { state: 'elected', leases: [{ ...LEASE, role: 'standby', endsAt: iso(NOW_MS - 5) }] },
    ],
    [
      'elected by 192.0.2.1 since 2026-11-23 12:03, 41 MB carried, lease 23 s; being elected by 192.0.2.9: rules are written',
      {
        state: 'arming',
        leases: [
          { ...LEASE, since: iso(new Date(2026, 10, 23, 12, 3).getTime()) },
          { ...LEASE, address: '192.0.2.9', armed: false },
        ],
      },
    ],
    ['offering IPv4 and IPv6 on wlan0; not elected', {}],
    [
      'nothing is offered: 12 %, less than 20 %',
      { state: 'hindered', obstacle: { code: 'battery', text: '12 %, less than 20 %' } },
    ],
    ['paired with no router yet: sudo detour gateway join', { state: 'unpaired' }],
    ['ending: what was changed is put back', { state: 'stopping' }],
  ])('says "%s"', (line, changes) => {
    expect(statusLine(statusWith(changes), NOW_MS)).toBe(line);
  });

  it('is followed by what stands behind it', () => {
    expect(renderNodeStatus(STATUS, NOW_MS)).toEqual([
      'offering IPv4 and IPv6 on wlan0; not elected',
      '',
      'routers  home',
      'wlan0    192.0.2.7, fe80::7',
      'IPv4     good, 38.5 ms',
      'IPv6     not asked',
      'power    87 %',
      'carried  500 MB in 2026-11, 1.5 GB left',
    ]);
  });

  it('is rewritten in place on a terminal, below the log', () => {
    let written = '';
    const line = terminalLine({ write: (text) => (written += text), width: () => 10 });
    line.above('before');
    line.show(() => 'longer than the terminal');
    line.above('log');
    line.close();
    line.above('after');
    const clear = '\r\x1b[2K';
    expect(written).toBe(`${clear}before\n${clear}longer th${clear}log\n${clear}longer th${clear}${clear}after\n`);
  });
});

describe('the status file', () => {
  const path = join(directory, 'status', 'gateway-status.json');

  it('is written at once, then at most once a second, and only when something is another', () => {
    const clock = new ManualClock();
    let status: AgentStatus = STATUS;
    const read = () => ({ ...status, updatedAt: String(clock.nowUs()) });
    const writer = statusWriter(path, read, clock, () => undefined);
    const writtenAt = () => Number((JSON.parse(readFileSync(path, 'utf8')) as AgentStatus).updatedAt);
    const startUs = clock.nowUs();

    writer.changed();
    clock.advance(0);
    expect(writtenAt()).toBe(startUs);
    status = statusWith({ state: 'unpaired' });
    writer.changed();
    clock.advance(999_999);
    expect(writtenAt()).toBe(startUs);
    clock.advance(1);
    expect(writtenAt()).toBe(startUs + 1_000_000);
    // Counters of messages alone are no news.
    status = { ...status, messages: { ...status.messages, sent: 9 } };
    writer.changed();
    clock.advance(5_000_000);
    expect(writtenAt()).toBe(startUs + 1_000_000);
    expect(readStatusFile(path)).toMatchObject({ state: 'unpaired' });
    writer.close();
    writer.changed();
    clock.advance(5_000_000);
    expect(existsSync(path)).toBe(false);
    expect(readStatusFile(path)).toBeNull();
  });

  it('of a process that is gone tells nothing', () => {
    writeFileSync(join(directory, 'stale.json'), JSON.stringify(statusWith({ pid: 2 ** 22 + 1 })));
    expect(readStatusFile(join(directory, 'stale.json'))).toBeNull();
  });

  it('that cannot be written is told once', () => {
    const clock = new ManualClock();
    const log: string[] = [];
    let pid = 1;
    const file = join(directory, 'stale.json', 'below-a-file.json');
    const writer = statusWriter(
      file,
      () => statusWith({ pid: pid++ }),
      clock,
      (_, text) => log.push(text),
    );
    for (let i = 0; i < 3; i++) {
      writer.changed();
      clock.advance(2_000_000);
    }
    expect(log).toHaveLength(1);
    expect(log[0]).toContain('the status file is not written');
  });
});

describe('the lock', () => {
  it('keeps a second agent out of a state directory, and of a network namespace, until it is released', () => {
    const places = (name: string) => {
      const stateDirectory = join(directory, name);
      mkdirSync(stateDirectory, { recursive: true });
      return { stateDirectory, runDirectory: directory };
    };
    const release = lockAgent(native, places('one'));
    expect(() => lockAgent(native, places('one'))).toThrow(/holds the state directory/);
    expect(() => lockAgent(native, places('two'))).toThrow(/holds this network namespace/);
    release();
    lockAgent(native, places('two'))();
  });

  it('is that of the state directory alone where there is no other place', () => {
    const stateDirectory = join(directory, 'one');
    lockAgent(native, { stateDirectory, runDirectory: join(directory, 'missing') })();
    expect(() => lockAgent(native, { stateDirectory: join(directory, 'missing') })).toThrow(/missing/);
  });
});

describe('the way out as it is configured', () => {
  const config = { ...defaultNodeConfig().backhaul, interface: 'cell0' };
  const reasons = (ways: ChangeableWaysOut): string[] => ways.problems().map(({ reason }) => reason);

  it('is another one when the configuration is', () => {
    const clock = new ManualClock();
    const ways = openChangeableWaysOut({ config, clock, exclude: () => [] });
    expect(reasons(ways)).toEqual(['there is no interface cell0', 'there is no interface cell0']);
    ways.configure({ ...config, interface: 'cell1' });
    expect(reasons(ways)).toEqual(['there is no interface cell1', 'there is no interface cell1']);
    // Asked by nobody so far; from now on each second.
    expect(clock.pending).toBe(0);
    const [target] = parseTargets('[192.0.2.53]');
    ways.configure({ ...config, targets: [target!] });
    expect(clock.pending).toBe(1);
    ways.configure({ ...config, targets: parseTargets('[192.0.2.54, 192.0.2.55]') });
    expect(clock.pending).toBe(1);
    ways.close();
    expect(clock.pending).toBe(0);
  });

  it('is not watched anew when it is the same', () => {
    const clock = new ManualClock();
    const planned = vi.spyOn(clock, 'at');
    const targets = (): NodeTarget[] => parseTargets('[192.0.2.53]');
    const ways = openChangeableWaysOut({ config: { ...config, targets: targets() }, clock, exclude: () => [] });
    ways.configure({ ...config, targets: targets() });
    expect(planned).toHaveBeenCalledTimes(1);
    ways.close();
  });

  function parseTargets(targets: string): NodeTarget[] {
    const parsed = parseNodeConfig(`backhaul: {targets: ${targets}}`, 'node.yaml');
    if ('errors' in parsed) throw new Error('no targets');
    return parsed.config.backhaul.targets;
  }
});
