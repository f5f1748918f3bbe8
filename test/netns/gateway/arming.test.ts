/** Real packets through an armed node, and the machine as it was found in every way out. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ArmingWorld, type Agent } from '../../helpers/gateway/arming-world.js';
import type { AgentLease, AgentSettings } from '../../helpers/gateway/arming-agent.js';
import { until } from '../../helpers/poll.js';

let world: ArmingWorld;
afterEach(() => world.remove());

const lease: AgentLease = { router: '192.0.2.1', clients: ['2001:db8:1::1/128'] };
const NEIGHBOURS = ['192.0.2.9', '2001:db8:1::9'];
/** A firewall, NAT and counters of the owner's own. */
const OWNERS_RULES =
  'table inet mine { chain f { type filter hook forward priority 10; policy accept; tcp dport 25 drop\n }\n' +
  'chain n { type nat hook postrouting priority 100; oifname "tun*" masquerade\n }\n}';

async function start(settings: Partial<AgentSettings> = {}): Promise<{ agent: Agent; found: string }> {
  world = await new ArmingWorld().ready();
  world.node.exec('nft', [OWNERS_RULES]);
  return { agent: await world.startAgent(settings), found: world.snapshot() };
}

describe('what an armed node carries', () => {
  test('is translated to its own address in both families, and counted', async () => {
    const { agent, found } = await start();
    await agent.apply(lease);
    expect(world.seenFrom('192.0.2.1', { size: 1000 })).toBe('198.51.100.2');
    expect(world.seenFrom('2001:db8:1::1', { size: 1000 })).toBe('2001:db8:2::2');
    const bytes = 1000 + 20 + 8 + (1000 + 40 + 8);
    expect(await agent.ask({ do: 'usage' })).toEqual({ home: [bytes, bytes] });
    await agent.apply(lease);
    expect(await agent.ask({ do: 'usage' })).toEqual({ home: [bytes, bytes] });
    await agent.apply({ ...lease, number: 2 });
    expect(await agent.ask({ do: 'usage' })).toEqual({ home: [0, 0] });
    expect(world.seenFrom('192.0.2.1', { size: 1000 })).toBe('198.51.100.2');
    await agent.apply();
    expect(await agent.ask({ do: 'usage' })).toEqual({ home: [1028, 1028] });
    expect(world.snapshot()).toBe(found);
    expect(world.isSilent('192.0.2.1')).toBe(true);
  });

  test('is nothing of neighbours that have no lease, nor what others send in', async () => {
    const { agent } = await start();
    await agent.apply(lease);
    for (const neighbour of NEIGHBOURS) expect(world.isSilent(neighbour), neighbour).toBe(true);
    world.far.ip('route add 192.0.2.0/24 via 198.51.100.2');
    expect(world.far.exec('sh', ['-c', 'ping -c1 -W1 192.0.2.1 >/dev/null && echo through || echo stopped'])).toBe(
      'stopped\n',
    );
  });

  test('leaves alone what this machine forwarded before', async () => {
    const { agent } = await start();
    world.node.exec('sh', [
      '-c',
      'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding',
    ]);
    world.far.ip('route add 192.0.2.0/24 via 198.51.100.2');
    world.far.ip('route add 2001:db8:1::/64 via 2001:db8:2::2');
    const found = world.snapshot();
    await agent.apply(lease);
    expect(world.seenFrom('192.0.2.1')).toBe('198.51.100.2');
    for (const neighbour of NEIGHBOURS) expect(world.seenFrom(neighbour)).toBe(neighbour);
    await agent.apply();
    expect(world.snapshot()).toBe(found);
  });

  test('keeps its source within a prefix that is routed to the node', async () => {
    const { agent } = await start({ routedPrefixes: ['2001:db8:1::/64'] });
    world.far.ip('route add 2001:db8:1::/64 via 2001:db8:2::2');
    await agent.apply(lease);
    expect(world.seenFrom('2001:db8:1::1')).toBe('2001:db8:1::1');
    expect(world.seenFrom('192.0.2.1')).toBe('198.51.100.2');
  });

  test('finds its way back to clients behind the router', async () => {
    const { agent, found } = await start();
    world.router.ip('address add 10.7.0.1/24 dev lo');
    world.router.ip('address add 2001:db8:7::1/64 dev lo nodad');
    const clients = ['10.7.0.0/24', '2001:db8:7::/64'];
    await agent.apply({ router: 'fe80::1', clients });
    expect(world.seenFrom('10.7.0.1')).toBe('198.51.100.2');
    expect(world.seenFrom('2001:db8:7::1')).toBe('2001:db8:2::2');
    await agent.apply();
    expect(world.snapshot()).toBe(found);
  });

  test("leaves by the backhaul although the machine's own default route is the router", async () => {
    const { agent } = await start();
    world.node.ip('-4 route replace default via 192.0.2.1');
    world.node.ip('-4 route add default via 198.51.100.1 metric 700');
    world.node.ip('-6 route add default via 2001:db8:1::1 metric 10');
    // Strict filtering of the reverse path: answers come by a link that the machine itself would not use.
    world.node.exec('sh', ['-c', 'echo 1 >/proc/sys/net/ipv4/conf/wan/rp_filter']);
    const found = world.snapshot();
    await agent.apply({ router: '192.0.2.1', clients: ['192.0.2.0/29', '2001:db8:1::1/128'] });
    expect(world.seenFrom('192.0.2.1')).toBe('198.51.100.2');
    expect(world.seenFrom('2001:db8:1::1')).toBe('2001:db8:2::2');
    expect(world.node.ip('route get 203.0.113.1 from 192.0.2.2')).toContain('via 192.0.2.1');
    await agent.apply();
    expect(world.snapshot()).toBe(found);
  });
});

describe('a way out by the link of the router', () => {
  const redirects = (): number[] => {
    const counts = world.router.exec('sh', ['-c', 'nstat -asz IcmpInRedirects Icmp6InRedirects']);
    return [...counts.matchAll(/InRedirects +(\d+)/g)].map(([, count]) => Number(count));
  };

  test('sends no redirects to clients', async () => {
    const { agent } = await start({ backhaul: { 4: 'lan.7', 6: 'lan.7' } });
    world.node.ip('-4 route replace default via 192.0.2.9');
    world.node.ip('-6 route replace default via fe80::1 dev lan.7');
    await agent.apply(lease);
    for (const source of ['192.0.2.1', '2001:db8:1::1']) expect(world.isSilent(source)).toBe(true);
    expect(redirects()).toEqual([0, 0]);
    expect((await agent.ask<{ home: number[] }>({ do: 'usage' })).home[0]).toBeGreaterThan(0);
    // And they would come without the table. (In IPv4 the kernel's NAT holds them back, too, as long as there is any.)
    world.node.exec('nft', ['flush ruleset']);
    await until(
      () => {
        for (const source of ['192.0.2.1', '2001:db8:1::1']) world.isSilent(source);
        return redirects().every((count) => count > 0);
      },
      { what: 'redirects of both families' },
    );
  });
});

describe('an agent that is an ordinary user', () => {
  test('needs CAP_NET_ADMIN and nothing else', async () => {
    const { agent: _root, found } = await start();
    const agent = await world.startAgent({}, { as: 'nobody' });
    await agent.apply({ ...lease, clients: ['2001:db8:1::1/128', '10.7.0.0/24'] });
    expect(readFileSync(`/proc/${agent.pid}/status`, 'latin1')).toMatch(/^CapEff:\t0*1000$/m);
    expect(world.seenFrom('192.0.2.1')).toBe('198.51.100.2');
    expect(world.seenFrom('2001:db8:1::1')).toBe('2001:db8:2::2');
    await agent.killed();
    await until(() => world.snapshot() === found, { what: 'the guardian putting back everything' });
  });
});

describe('two routers', () => {
  test('are served together; the one that goes takes nothing of the other along', async () => {
    const { agent, found } = await start();
    const other: AgentLease = { pairing: 'office', router: '192.0.2.9', families: [4] };
    await agent.apply({ ...lease, families: [4] }, other);
    expect(world.seenFrom('192.0.2.1')).toBe('198.51.100.2');
    expect(world.seenFrom('192.0.2.9', { size: 100 })).toBe('198.51.100.2');
    await agent.apply(other);
    expect(world.isSilent('192.0.2.1')).toBe(true);
    expect(world.seenFrom('192.0.2.9', { size: 100 })).toBe('198.51.100.2');
    expect(await agent.ask({ do: 'usage' })).toEqual({ home: [78, 78], office: [256, 256] });
    await agent.apply();
    expect(world.snapshot()).toBe(found);
  });
});

describe('the lease', () => {
  test('is ended by the kernel while the agent is stopped', async () => {
    const { agent, found } = await start();
    await agent.apply({ ...lease, leftMs: 1500 });
    expect(world.seenFrom('192.0.2.1')).toBe('198.51.100.2');
    agent.signal('SIGSTOP');
    await until(() => world.isSilent('192.0.2.1') && world.isSilent('2001:db8:1::1'), { what: 'the end of the lease' });
    agent.signal('SIGCONT');
    await agent.apply({ ...lease, leftMs: 60_000 });
    expect(world.seenFrom('2001:db8:1::1')).toBe('2001:db8:2::2');
    await agent.apply();
    expect(world.snapshot()).toBe(found);
  });

  test('is extended by a renewal without a gap', async () => {
    const { agent } = await start();
    await agent.apply({ ...lease, leftMs: 1000 });
    const end = performance.now() + 2500;
    while (performance.now() < end) {
      await agent.apply({ ...lease, leftMs: 1000 });
      expect(world.seenFrom('192.0.2.1')).toBe('198.51.100.2');
    }
  });

  test('survives somebody who flushes all rules', async () => {
    const { agent } = await start();
    await agent.apply(lease);
    world.node.exec('nft', ['flush ruleset']);
    await agent.apply(lease);
    expect(world.seenFrom('192.0.2.1')).toBe('198.51.100.2');
    for (const neighbour of NEIGHBOURS) expect(world.isSilent(neighbour)).toBe(true);
    expect(await agent.ask<string[]>({ do: 'log' })).toEqual([expect.stringContaining('written again')]);
  });
});

describe('the end', () => {
  const childrenOf = (pid: number): string => readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');

  test('leaves no process behind that waited for the next lease', async () => {
    const { agent, found } = await start();
    await agent.apply(lease);
    await agent.apply();
    // An nft and a guardian.
    await until(() => childrenOf(agent.pid).trim().split(' ').length === 2, { what: 'what the next lease will need' });
    await agent.ask({ do: 'close' });
    await until(() => childrenOf(agent.pid) === '', { what: 'the end of nft and of the guardian' });
    expect(world.snapshot()).toBe(found);
  });
});

describe('what was found is there again', () => {
  const clients = ['2001:db8:1::1/128', '10.7.0.0/24'];

  test.each([
    { kernel: 'with force_forwarding', settings: {} },
    { kernel: 'before Linux 6.17', settings: { forceForwarding: false } },
  ])('after a release, after SIGKILL, and after the death of agent and guardian ($kernel)', async ({ settings }) => {
    const { agent: first, found } = await start(settings);
    await first.apply({ ...lease, clients });
    expect(world.snapshot()).not.toBe(found);
    expect(world.seenFrom('2001:db8:1::1')).toBe('2001:db8:2::2');
    expect(world.isSilent('2001:db8:1::9')).toBe(true);
    await first.apply();
    expect(world.snapshot()).toBe(found);

    await first.apply({ ...lease, clients });
    await first.killed();
    await until(() => world.snapshot() === found, { what: 'the guardian putting back everything' });
    await until(() => journals().length === 0, { what: 'the journal being removed' });

    const second = await world.startAgent(settings);
    expect(await second.ask({ do: 'restore' })).toEqual([]);
    await second.apply({ ...lease, clients });
    killGuardian(second.pid);
    await second.killed();
    expect(world.snapshot()).not.toBe(found);
    const third = await world.startAgent(settings);
    const words = await third.ask<string[]>({ do: 'restore' });
    expect(words).toContain('nft delete table inet detour-gateway');
    expect(words).toContain('/proc/sys/net/ipv4/conf/lan.7/forwarding: from 1 back to 0');
    expect(world.snapshot()).toBe(found);
    expect(journals()).toEqual([]);
  });

  test.each([
    { kernel: 'with force_forwarding', settings: {} },
    { kernel: 'before Linux 6.17', settings: { forceForwarding: false } },
  ])('as far as the table tells it where the journal is lost, too ($kernel)', async ({ settings }) => {
    const { agent, found } = await start(settings);
    await agent.apply({ ...lease, families: [4, 6] });
    killGuardian(agent.pid);
    await agent.killed();
    rmSync(join(world.stateDirectory, 'arming.json'));
    const words = await (await world.startAgent(settings)).ask<string[]>({ do: 'restore' });
    expect(words).toContain('/proc/sys/net/ipv4/conf/lan.7/forwarding: from 1 back to 0, by what the table says');
    expect(words).toContain('nft delete table inet detour-gateway');
    // What accept_ra was is lost with the journal; it lets nobody through.
    const withoutRa = (text: string): string => text.replaceAll(/^.*accept_ra.*$/gm, '');
    expect(withoutRa(world.snapshot())).toBe(withoutRa(found));
    for (const neighbour of NEIGHBOURS) expect(world.isSilent(neighbour), neighbour).toBe(true);
  });

  test('also where the default route is learned from advertisements, which are heard all the while', async () => {
    const { agent } = await start({ forceForwarding: false });
    world.node.ip('-6 route del default via 2001:db8:2::1');
    const route = (): string => world.node.ip('-6 route show default').replace(/expires \d+sec/, '');
    await world.advertise(1800);
    await until(() => route().includes('proto ra'), { what: 'the first advertisement' });
    const [found, learned] = [world.snapshot(), route()];
    await agent.apply(lease);
    expect(route()).toBe(learned);
    expect(world.seenFrom('2001:db8:1::1')).toBe('2001:db8:2::2');
    await world.advertise(0);
    await until(() => route() === '', { what: 'the end of the default route' });
    await world.advertise(1800);
    await until(() => route() === learned, { what: 'the default route once more' });
    await agent.apply();
    expect(world.snapshot()).toBe(found);
  });

  test('when the agent is killed at any moment of arming', async () => {
    const { found } = await start();
    for (const afterMs of [0, 1, 2, 3, 5, 8, 13]) {
      const agent = await world.startAgent();
      // Killed before its guardian was there, it has left a journal and nothing else.
      await agent.ask({ do: 'restore' });
      void agent.apply({ ...lease, clients });
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await agent.killed();
      await until(() => world.snapshot() === found, { what: `all as found, killed after ${afterMs} ms` });
    }
  });

  test('after an error half way, which says what failed', async () => {
    const { agent, found } = await start();
    // The gateway is not on the link of that lease, so the kernel refuses the route.
    await expect(agent.apply({ router: '203.0.113.1', clients: ['10.7.0.0/24'], families: [4] })).rejects.toThrow(
      /"ip -4 route replace 10\.7\.0\.0\/24 via 203\.0\.113\.1 dev lan\.7 .*" failed/,
    );
    expect(world.snapshot()).toBe(found);
    await expect(agent.apply({ ...lease, link: 'gone0' })).rejects.toThrow(/gone0/);
    expect(world.snapshot()).toBe(found);
    expect(journals()).toEqual([]);
  });

  test('but not what somebody else has changed meanwhile', async () => {
    const { agent } = await start();
    await agent.apply(lease);
    const path = '/proc/sys/net/ipv4/conf/lan.7/forwarding';
    world.node.exec('sh', ['-c', `echo 0 >${path}; echo 1 >/proc/sys/net/ipv4/ip_forward`]);
    await agent.apply();
    expect(world.node.exec('cat', ['/proc/sys/net/ipv4/ip_forward'])).toBe('1\n');
    expect(world.snapshot()).not.toContain('detour-gateway');
  });

  test('and a guardian that was told of a clean end does nothing', async () => {
    const { agent, found } = await start();
    await agent.apply(lease);
    const guardian = guardianOf(agent.pid);
    await agent.apply();
    await until(() => !existsSync(`/proc/${guardian}`), { what: 'the guardian ending' });
    expect(world.snapshot()).toBe(found);
  });

  test('a Ctrl-C for the group of the agent does not reach its guardian', async () => {
    const { agent } = await start();
    await agent.apply(lease);
    const session = world.node.exec('ps', ['-o', 'sid=', '-p', String(guardianOf(agent.pid))]).trim();
    expect(session).toBe(String(guardianOf(agent.pid)));
  });
});

describe("a firewall of the owner's", () => {
  test('that drops what is forwarded is named, with what to do, and nothing is armed', async () => {
    const { agent } = await start();
    world.node.exec('nft', [
      'table ip wall { chain f { type filter hook forward priority 0; policy drop; jump docker\n }\n' +
        'chain docker { ct state established,related accept; oifname "docker0" accept\n }\n}',
    ]);
    const found = world.snapshot();
    await expect(agent.apply(lease)).rejects.toThrow(
      'the firewall (nft chain ip wall f) drops what goes from lan.7 to wan. To allow it: ' +
        'nft insert rule ip wall f iifname "lan.7" oifname "wan" accept; ' +
        'nft insert rule ip wall f iifname "wan" oifname "lan.7" ct state established,related accept',
    );
    expect(world.snapshot()).toBe(found);
    expect(await agent.ask<string[]>({ obstacles: [lease] })).toHaveLength(1);
    world.node.exec('nft', ['insert rule ip wall f iifname "lan.7" oifname "wan" accept']);
    await agent.apply(lease);
    expect(world.seenFrom('192.0.2.1')).toBe('198.51.100.2');
    expect(await agent.ask<string[]>({ do: 'log' })).toEqual([expect.stringContaining('may drop')]);
  });
});

describe('the plan', () => {
  test('says what would be changed and changes nothing; what it says is what is done', async () => {
    const { agent, found } = await start();
    const plan = await agent.ask<{ nft: string; sysctls: unknown[] }>({ plan: [lease] });
    expect(world.snapshot()).toBe(found);
    expect(plan.sysctls).toHaveLength(4);
    expect(plan.sysctls).toContainEqual({ path: '/proc/sys/net/ipv4/conf/lan.7/forwarding', from: '0', to: '1' });
    world.node.exec('nft', [plan.nft]);
    const planned = rulesOnly(world.node.exec('nft', ['list', 'ruleset']));
    world.node.exec('nft', ['delete table inet detour-gateway']);
    await agent.apply(lease);
    expect(rulesOnly(world.node.exec('nft', ['list', 'ruleset']))).toBe(planned);
  });
});

/** Without the leases' time. */
const rulesOnly = (ruleset: string): string => ruleset.replace(/elements = \{[^}]*\}/g, '');

function journals(): string[] {
  return ['arming.json', 'arming.claimed.json'].filter((name) => existsSync(join(world.stateDirectory, name)));
}

function guardianOf(agent: number): number {
  const children = world.node.exec('ps', ['-o', 'pid=,args=', '--ppid', String(agent)]).split('\n');
  const [guardian] = children.filter((line) => line.includes('/bin/sh -c'));
  return Number.parseInt(guardian!, 10);
}

function killGuardian(agent: number): void {
  process.kill(guardianOf(agent), 'SIGKILL');
}
