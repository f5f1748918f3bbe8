/**
 * The whole, in the lab of src/lab/topology.ts: the real controller, real packets, real faults.
 *
 *                        +-- wan0 -- gw0 (primary) --+
 *   client --- router ---+                           +--- far
 *                        +-- wan1 -- gw1 (backup) ---+
 */
import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sh } from '../../../src/lab/shell.js';
import { FAR_IPV4, FAR_IPV6 } from '../../../src/lab/topology.js';
import { LabRun } from '../../helpers/lab-run.js';
import { LabTraffic } from '../../helpers/lab-traffic.js';
import { until } from '../../helpers/poll.js';

describe('a router with two uplinks', () => {
  let run: LabRun;

  beforeAll(async () => {
    run = new LabRun();
    await run.start();
    await run.active('primary');
  });

  afterAll(() => run.destroy());

  const kernelFollows = (device: string): Promise<unknown> =>
    until(() => run.kernelInterface(FAR_IPV4) === device && run.kernelInterface(FAR_IPV6) === device, {
      timeoutMs: 30_000,
      what: `the kernel FIB leads to ${device}`,
    });

  it('forwards through the primary in XDP, and the kernel FIB agrees', async () => {
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    await kernelFollows('wan0');
    const there = await run.reasons('lan0');
    expect(Number(there['forwarded'])).toBeGreaterThanOrEqual(2);
    const back = await run.reasons('wan0');
    expect(Number(back['forwarded-fib'])).toBeGreaterThanOrEqual(2);
  });

  it('leaves a cut link at once and comes back when it is healthy again', async () => {
    run.lab.cutLink(0);
    await run.active('backup');
    await kernelFollows('wan1');
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    run.lab.restoreLink(0);
    await run.active('primary');
    await kernelFollows('wan0');
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
  });

  it('leaves a path that is silent beyond its gateway, with the cause in words', async () => {
    const before = (await run.events()).length;
    run.lab.silence(0);
    await run.active('backup');
    await kernelFollows('wan1');
    const causes = (await run.events(before)).filter(
      (event) => event.record.kind === 'path' && event.record.to === 'down',
    );
    expect(causes.map((event) => event.record.cause).join('\n')).toMatch(
      /\d+ of \d+ probes to .* lost \(no reply within \d+ ms\), last reply seen \d+ ms before/,
    );
    run.lab.unsilence(0);
    await run.active('primary');
    await kernelFollows('wan0');
  });

  it('drains and undrains without a packet lost', async () => {
    const post = async (path: string): Promise<void> => {
      const answer = await run.controller!.call('POST', path);
      expect(answer.status).toBe(200);
    };
    const traffic = new LabTraffic(run.lab);
    try {
      const suffered = await traffic.during(0, async () => {
        await post('/v1/uplinks/primary/drain');
        await run.active('backup');
        await traffic.arrivesBy(1);
        await post('/v1/uplinks/primary/undrain');
        await run.active('primary');
      });
      expect(suffered.map(({ sent, lost }) => ({ flowed: sent > 0, lost }))).toEqual([
        { flowed: true, lost: 0 },
        { flowed: true, lost: 0 },
      ]);
    } finally {
      traffic.stop();
    }
  });

  it('keeps the last good path when every path fails', async () => {
    run.lab.silence(0);
    await run.active('backup');
    run.lab.silence(1);
    const downs = await until(
      async () => {
        const found = (await run.events()).filter((event) => event.record.kind === 'all-down');
        return new Set(found.map((event) => event.record.family)).size === 2 ? found : null;
      },
      { timeoutMs: 30_000, what: 'all-down in both families' },
    );
    expect(downs.length).toBeGreaterThanOrEqual(2);
    for (const group of await run.groups()) expect(group.active).toHaveLength(1);
    run.lab.unsilence(1);
    run.lab.unsilence(0);
    await run.active('primary');
  });

  it('survives the deletion and return of an uplink’s interface', async () => {
    sh('ip', '-n', run.router, 'link', 'del', 'wan0');
    await run.active('backup');
    expect(run.ping(FAR_IPV4)).toBe(true);
    run.lab.reconnect(0);
    await run.active('primary');
    await kernelFollows('wan0');
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
  });
});

describe('a controller that ends', () => {
  let run: LabRun;

  beforeEach(() => {
    run = new LabRun();
  });

  afterEach(() => run.destroy());

  it('withdraws everything that is Detour’s, and nothing else', async () => {
    sh('ip', '-n', run.router, 'route', 'add', '192.0.2.0/24', 'via', '10.64.1.1', 'metric', '5');
    sh('ip', '-n', run.router, 'rule', 'add', 'from', '192.0.2.1', 'lookup', 'main', 'pref', '1234');
    const before = foreign(run);
    await run.start();
    await run.active('primary');
    expect(run.leftovers()).not.toBe('');
    expect(await run.stop()).toBe(0);
    expect(run.leftovers()).toBe('');
    expect(foreign(run)).toBe(before);
  });

  it('leaves everything in place with keep_on_exit, and the next start takes it over', async () => {
    await run.start('kernel: {keep_on_exit: true}\n');
    await run.active('primary');
    await run.stop();
    expect(run.ping(FAR_IPV4)).toBe(true);
    await run.start();
    await run.active('primary');
    expect(run.ping(FAR_IPV4)).toBe(true);
    await run.stop();
    expect(run.leftovers()).toBe('');
  });

  it('goes on forwarding when it is killed, and the next start takes over', async () => {
    await run.start();
    await run.active('primary');
    run.controller!.kill('SIGKILL');
    await run.controller!.exited();
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    await run.startAsWritten();
    await run.active('primary');
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    await run.stop();
    expect(run.leftovers()).toBe('');
  });

  it('refuses to run beside another one, and leaves that one alone', async () => {
    await run.start();
    await run.active('primary');
    const args = [`--net=/run/netns/${run.router}`, 'node', 'dist/cli/main.js', 'run', run.configFile];
    const second = spawnSync('nsenter', args, { encoding: 'utf8', timeout: 60_000 });
    expect(second.stderr).toContain(`process ${run.controller!.pid} holds this network namespace`);
    expect(second.status).toBe(75);
    expect(run.ping(FAR_IPV4)).toBe(true);
    await run.active('primary');
  });

  it('in observe mode changes nothing', async () => {
    const before = foreign(run);
    await run.start('mode: observe\n');
    await run.active('primary');
    expect(sh('ip', '-n', run.router, 'route', 'show', 'table', 'all', 'proto', '68')).toBe('');
    expect(foreign(run)).toBe(before);
    run.lab.silence(0);
    await run.active('backup');
    expect(foreign(run)).toBe(before);
  });
});

/** Routes and rules of the router that are not ours, as text. */
function foreign(run: LabRun): string {
  const ip = (...args: string[]): string => sh('ip', '-n', run.router, ...args);
  return [ip('-4', 'route'), ip('-6', 'route'), ip('-4', 'rule'), ip('-6', 'rule')]
    .flatMap((text) => text.split('\n'))
    .filter((line) => !line.includes('proto 68'))
    .map((line) => line.trim())
    .join('\n');
}
