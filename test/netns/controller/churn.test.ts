/** What happens to a running router: reloads, addresses and routes that come and go, kills at the wrong moment. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { demoConfig } from '../../../src/lab/demo-config.js';
import { sh } from '../../../src/lab/shell.js';
import { FAR_IPV4, FAR_IPV6 } from '../../../src/lab/topology.js';
import { LabRun } from '../../helpers/lab-run.js';
import { until } from '../../helpers/poll.js';

const ROUTER_IPV4 = '10.64.0.2/24';

const router = (run: LabRun, ...args: string[]): string => sh('ip', '-n', run.router, ...args);

const logged = (run: LabRun, text: RegExp): Promise<unknown> =>
  until(() => text.test(run.controller!.output), { timeoutMs: 30_000, what: `${text.source} in the log` });

const pathEvents = async (run: LabRun, after: number): Promise<(string | undefined)[]> =>
  (await run.events(after)).filter(({ record }) => record.kind === 'path').map(({ record }) => record.uplink);

const newest = async (run: LabRun): Promise<number> => (await run.events()).at(-1)?.sequence ?? 0;

describe('a running router', () => {
  let run: LabRun;

  beforeAll(async () => {
    run = new LabRun();
    await run.start();
    await run.active('primary');
  });

  afterAll(() => run.destroy());

  it('takes a new route from a reload without a path event, and drops it with the next', async () => {
    const before = await newest(run);
    const text = readFileSync(run.configFile, 'utf8');
    const routes = ['0.0.0.0/0', '"::/0"'].map((to) => `  - {to: ${to}, group: default}\n`).join('');
    run.write('', `${text}routes:\n${routes}  - {to: 192.0.2.0/24, blackhole: true}\n`);
    run.controller!.kill('SIGHUP');
    const listed = (): string => router(run, '-4', 'route', 'show', 'type', 'blackhole', 'proto', '68');
    await until(() => listed().includes('192.0.2.0/24'), { timeoutMs: 30_000, what: 'the blackhole' });
    run.write('', text);
    run.controller!.kill('SIGHUP');
    await until(() => listed() === '', { timeoutMs: 30_000, what: 'no blackhole' });
    expect(await pathEvents(run, before)).toEqual([]);
    expect(run.ping(FAR_IPV4)).toBe(true);
  });

  it('keeps the running configuration when the file is broken, and says so', async () => {
    const before = await newest(run);
    const text = readFileSync(run.configFile, 'utf8');
    run.write('', `${text}nonsense: [\n`);
    run.controller!.kill('SIGHUP');
    await logged(run, /not reloaded, the running configuration stays/);
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    expect(await pathEvents(run, before)).toEqual([]);
    run.write('', text);
  });

  it('heals the deletion of its routes and of its nexthop objects by somebody else', async () => {
    router(run, '-4', 'route', 'del', 'default', 'proto', '68', 'metric', '10');
    router(run, 'nexthop', 'flush', 'proto', '68');
    const main = (family: string): string => router(run, family, 'route', 'show', 'default', 'metric', '10');
    await until(() => ['-4', '-6'].every((family) => main(family).includes('nhid')), {
      timeoutMs: 45_000, // told by netlink, or found by the audit
      what: 'the routes are back',
    });
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
  });

  it('leaves a path whose address is taken away, in that family only, and comes back', async () => {
    const carriers = async (): Promise<string> =>
      (await run.groups())
        .map(({ family, active }) => `${family} ${active.join()}`)
        .sort()
        .join('; ');
    router(run, 'addr', 'del', ROUTER_IPV4, 'dev', 'wan0');
    await until(async () => (await carriers()) === '4 backup; 6 primary', { timeoutMs: 30_000, what: 'IPv4 moved' });
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    router(run, 'addr', 'add', ROUTER_IPV4, 'dev', 'wan0');
    await run.active('primary');
    expect(run.ping(FAR_IPV4)).toBe(true);
  });

  it('ends cleanly also when it is told twice', async () => {
    const { controller } = run;
    controller!.kill('SIGTERM');
    controller!.kill('SIGTERM');
    await controller!.exited();
    expect(run.leftovers()).toBe('');
    await run.startAsWritten();
    await run.active('primary');
  });
});

describe('a router that starts in a bad moment', () => {
  let run: LabRun;

  beforeEach(() => {
    run = new LabRun();
  });

  afterEach(() => run.destroy());

  it.each(['cut', 'silent'] as const)('carries by the backup when the primary is %s already', async (fault) => {
    if (fault === 'cut') run.lab.cutLink(0);
    else run.lab.silence(0);
    await run.start();
    await run.active('backup');
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    if (fault === 'cut') run.lab.restoreLink(0);
    else run.lab.unsilence(0);
    await run.active('primary');
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
  });

  it('is right after kills at ten different moments of the start', async () => {
    run.write();
    const main = new URL('../../../dist/cli/main.js', import.meta.url).pathname;
    for (let n = 1; n <= 10; n++) {
      const args = [`--net=/run/netns/${run.router}`, process.execPath, main, 'run', run.configFile];
      const child = spawn('nsenter', args, { stdio: 'ignore' });
      const exited = once(child, 'exit');
      setTimeout(() => child.kill('SIGKILL'), n * 120);
      await exited;
    }
    await run.startAsWritten();
    await run.active('primary');
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    await run.stop();
    expect(run.leftovers()).toBe('');
  });

  it('takes an added uplink and gives up a removed one by a reload, without an event of the one that stays', async () => {
    const { socket, pinPath } = run;
    const [one, two] = [['primary'], ['primary', 'backup']].map((uplinks) => demoConfig({ socket, pinPath, uplinks }));
    run.write('', one);
    await run.startAsWritten();
    await run.active('primary');
    const before = await newest(run);
    run.write('', two);
    run.controller!.kill('SIGHUP');
    const isUp = async (): Promise<boolean> =>
      (await run.events(before)).filter(({ record }) => record.uplink === 'backup' && record.to === 'up').length === 2;
    await until(isUp, { timeoutMs: 30_000, what: 'backup is up' });
    expect(await pathEvents(run, before)).not.toContain('primary');
    run.lab.cutLink(0);
    await run.active('backup');
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    run.lab.restoreLink(0);
    await run.active('primary');
    run.write('', one);
    run.controller!.kill('SIGHUP');
    await until(() => !router(run, 'nexthop', 'show', 'proto', '68').includes('wan1'), {
      timeoutMs: 30_000,
      what: 'nothing of backup',
    });
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
  });

  it('carries IPv6 by the other uplink alone where one has only IPv4', async () => {
    run.write();
    const text = readFileSync(run.configFile, 'utf8')
      .replace('{ipv4: 10.64.0.1, ipv6: "2001:db8:64:0::1"}', '{ipv4: 10.64.0.1}')
      .replace(/(10\.64\.0\.1\}[^]*?targets: )\[[^\]]*\]/, '$1[203.0.113.1, 203.0.113.2]');
    run.write('', text);
    await run.startAsWritten();
    const carriers = async (): Promise<string> =>
      (await run.groups())
        .map(({ family, active }) => `${family} ${active.join()}`)
        .sort()
        .join('; ');
    await until(async () => (await carriers()) === '4 primary; 6 backup', { timeoutMs: 30_000, what: 'both families' });
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
  });

  it('learns a gateway from a foreign default route', async () => {
    router(run, 'route', 'add', 'default', 'via', '10.64.0.1', 'dev', 'wan0', 'metric', '100');
    run.write();
    const text = readFileSync(run.configFile, 'utf8').replace('{ipv4: 10.64.0.1,', '{ipv4: auto,');
    run.write('', text);
    await run.startAsWritten();
    await run.active('primary');
    router(run, 'route', 'del', 'default', 'via', '10.64.0.1', 'dev', 'wan0', 'metric', '100');
    const carrier = async (): Promise<string> =>
      (await run.groups()).find(({ family }) => family === 4)?.active.join() ?? '';
    await until(async () => (await carrier()) === 'backup', { timeoutMs: 30_000, what: 'IPv4 moved' });
    router(run, 'route', 'add', 'default', 'via', '10.64.0.1', 'dev', 'wan0', 'metric', '200');
    await run.active('primary');
    expect(run.ping(FAR_IPV4)).toBe(true);
  });
});
