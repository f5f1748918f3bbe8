/**
 * What the kernel would do with forwarded packets besides forwarding them, and XDP would not: translate, filter, encrypt.
 * The lab of src/lab/topology.ts with a second network behind the router:
 *
 *   client --- lan0 --+        +-- wan0 -- gw0 (primary) --+
 *                     | router |                           +--- far
 *   office --- lan1 --+        +-- wan1 -- gw1 (backup) ---+
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { demoConfig } from '../../../src/lab/demo-config.js';
import { sh, tryStart } from '../../../src/lab/shell.js';
import { FAR_IPV4, FAR_IPV6, gatewayIpv4 } from '../../../src/lab/topology.js';
import { builtCli } from '../../helpers/cli.js';
import { LabRun } from '../../helpers/lab-run.js';
import { describeWith } from '../../helpers/kernel-features.js';
import { until } from '../../helpers/poll.js';

const OFFICE_IPV4 = '192.0.2.10';
const MASQUERADE =
  'add table ip nat; add chain ip nat post { type nat hook postrouting priority srcnat; }; ' +
  'add rule ip nat post oifname { wan0, wan1 } masquerade';
const NAT = 'nft table ip nat, chain post (nat, postrouting)';
/** As many people write it: what goes out may go out, and what belongs to it may come back. */
const FIREWALL =
  'add table inet fw; add chain inet fw f { type filter hook forward priority 0; policy drop; }; ' +
  'add rule inet fw f oifname { wan0, wan1 } accept; add rule inet fw f ct state established accept';

let run: LabRun;
let office: string;

beforeAll(async () => {
  builtCli();
  run = new LabRun();
  office = `dt-office-${process.pid}`;
  sh('ip', 'netns', 'add', office);
  sh('ip', '-n', office, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'lan1', 'netns', run.router);
  for (const [space, name, address] of [
    [office, 'eth0', `${OFFICE_IPV4}/24`],
    [run.router, 'lan1', '192.0.2.1/24'],
  ] as const) {
    sh('ip', 'netns', 'exec', space, 'ethtool', '-K', name, 'tx', 'off');
    sh('ip', '-n', space, 'address', 'add', address, 'dev', name);
    sh('ip', '-n', space, 'link', 'set', name, 'up');
  }
  sh('ip', 'netns', 'exec', office, 'ethtool', '-K', 'eth0', 'gro', 'on');
  sh('ip', '-n', office, 'route', 'add', 'default', 'via', '192.0.2.1');
  for (const gateway of run.lab.names.gateways) {
    const rules =
      'add table ip seen; add chain ip seen p { type filter hook prerouting priority raw; }; ' +
      'add counter ip seen untranslated; add rule ip seen p ip saddr 198.51.100.0/24 counter name untranslated';
    sh('ip', 'netns', 'exec', gateway, 'nft', rules);
  }
  configure('');
  await run.startAsWritten();
  await run.active('primary');
});

afterAll(async () => {
  await run.destroy();
  tryStart('ip', 'netns', 'del', office);
});

afterEach(() => {
  nft('flush ruleset');
  sh('ip', '-n', run.router, 'xfrm', 'policy', 'flush');
});

/** @param forwarding written for every uplink and interface; empty: nothing is written */
function configure(forwarding: string): void {
  const text = demoConfig({ socket: run.socket, pinPath: run.pinPath });
  const entry = (name: string): string => (forwarding === '' ? name : `{name: ${name}, forwarding: ${forwarding}}`);
  const uplinks =
    forwarding === '' ? text : text.replaceAll('    hold_down_ms:', `    forwarding: ${forwarding}\n    hold_down_ms:`);
  run.write('', uplinks.replace('interfaces: [lan0]', `interfaces: [${entry('lan0')}, ${entry('lan1')}]`));
}

const nft = (rules: string): string => sh('ip', 'netns', 'exec', run.router, 'nft', rules);

/** Packets of the client that gateways have seen with its own address. */
function untranslated(): number {
  const counts = run.lab.names.gateways.map((gateway) => {
    const text = sh('ip', 'netns', 'exec', gateway, 'nft', 'list', 'counter', 'ip', 'seen', 'untranslated');
    return Number(/packets (\d+)/.exec(text)?.[1]);
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Packets that came in by an interface and were forwarded by XDP. */
async function byXdp(name: string): Promise<number> {
  const reasons = await run.reasons(name);
  return Number(reasons['forwarded'] ?? 0) + Number(reasons['forwarded-fib'] ?? 0);
}

interface Uplink {
  name: string;
  forwarding: { by: string; reason: string | null };
}

async function forwardedBy(by: 'xdp' | 'stack'): Promise<Uplink[]> {
  return until(
    async () => {
      const { body } = await run.controller!.call('GET', '/v1/uplinks');
      const { uplinks } = body as { uplinks: Uplink[] };
      return uplinks.every((uplink) => uplink.forwarding.by === by) ? uplinks : null;
    },
    { timeoutMs: 20_000, what: `forwarding by ${by}` },
  );
}

/** Status tells what is decided; the pass that writes it may take a moment more. */
async function xdpForwards(forwards: boolean, address = FAR_IPV4): Promise<void> {
  await until(
    async () => {
      const before = await byXdp('lan0');
      run.ping(address);
      return (await byXdp('lan0')) > before === forwards;
    },
    { timeoutMs: 20_000, what: `packets forwarded by ${forwards ? 'XDP' : 'the stack'}` },
  );
}

async function problems(): Promise<string> {
  const { body } = await run.controller!.call('GET', '/v1/health');
  return (body as { problems: string[] }).problems.join('\n');
}

describe('with nothing written about forwarding', () => {
  it('XDP forwards while there is nothing to go past', async () => {
    await forwardedBy('xdp');
    await xdpForwards(true);
    await xdpForwards(true, gatewayIpv4(0));
    expect(await problems()).toBe('');
  });

  it('translated packets go through the stack, whichever route they take, and status and doctor say why', async () => {
    nft(MASQUERADE);
    for (const { forwarding } of await forwardedBy('stack')) expect(forwarding.reason).toContain(NAT);
    await xdpForwards(false);
    const [before, forwarded] = [untranslated(), await byXdp('lan0')];
    for (const address of [FAR_IPV4, gatewayIpv4(0), gatewayIpv4(1)]) expect(run.ping(address), address).toBe(true);
    expect(run.ping(FAR_IPV6)).toBe(true);
    expect(untranslated()).toBe(before);
    expect(await byXdp('lan0')).toBe(forwarded);
    expect(await problems()).toContain(`the stack forwards for lan0, lan1, wan0, wan1: ${NAT}, which XDP would bypass`);
    // It ends with 1 if anything at all is wrong on this machine.
    const doctor = ['netns', 'exec', run.router, process.execPath, builtCli(), 'doctor', '--json', run.configFile];
    const { stdout } = spawnSync('ip', doctor, { encoding: 'utf8' });
    const { checks } = JSON.parse(stdout) as { checks: { id: string; detail: string }[] };
    expect(checks.find(({ id }) => id === 'nat')?.detail).toBe(
      `${NAT}: so the stack forwards for lan0, lan1, wan0, wan1, which is slower than XDP`,
    );
  });

  it('a foreign default route does not lead past the rules', async () => {
    nft(MASQUERADE);
    sh('ip', '-n', run.router, 'route', 'add', 'default', 'via', gatewayIpv4(0), 'metric', '1');
    await xdpForwards(false);
    const before = untranslated();
    expect(run.ping(FAR_IPV4)).toBe(true);
    expect(untranslated()).toBe(before);
    sh('ip', '-n', run.router, 'route', 'del', 'default', 'via', gatewayIpv4(0), 'metric', '1');
  });

  it('a firewall keeps networks apart, and lets the rest pass', async () => {
    const reachesOffice = (): boolean => run.ping(OFFICE_IPV4);
    await until(reachesOffice, { timeoutMs: 20_000, what: 'the office reached' });
    nft(FIREWALL);
    await forwardedBy('stack');
    await until(() => !reachesOffice(), { timeoutMs: 20_000, what: 'the office closed' });
    expect([run.ping(FAR_IPV4), reachesOffice()]).toEqual([true, false]);
    nft('delete table inet fw');
    await forwardedBy('xdp');
    await until(reachesOffice, { timeoutMs: 20_000, what: 'the office reached again' });
  });

  it('goes back to XDP when the rules are gone, and hardly a packet is lost', async () => {
    nft(MASQUERADE);
    await forwardedBy('stack');
    await xdpForwards(false);
    const count = 150;
    const args = [
      'netns',
      'exec',
      run.lab.names.client,
      'ping',
      '-q',
      '-i',
      '0.02',
      '-W',
      '2',
      '-c',
      `${count}`,
      FAR_IPV4,
    ];
    const ping = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    ping.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = once(ping, 'exit');
    nft('delete table ip nat');
    await forwardedBy('xdp');
    await xdpForwards(true);
    await ended;
    const received = Number(/(\d+) received/.exec(output)?.[1]);
    // The rules go in one instant, and what is under way then has no translation any more.
    expect(received).toBeGreaterThanOrEqual(count - 10);
    expect(await problems()).toBe('');
  });
});

describeWith('IPsec policies (CONFIG_XFRM_USER)', 'IPsec policies', () => {
  const selector = `src 198.51.100.0/24 dst ${FAR_IPV4}/32 dir out`;
  const xfrm = (command: string): string => sh('ip', '-n', run.router, ...`xfrm policy ${command}`.split(' '));

  it('nothing that they select leaves in clear, and XDP forwards again when they are gone', async () => {
    await xdpForwards(true);
    xfrm(`add ${selector} tmpl src 10.64.0.2 dst ${gatewayIpv4(0)} proto esp mode tunnel`);
    await xdpForwards(false);
    expect(await problems()).toContain('the kernel has an IPsec policy (ip xfrm policy) for IPv4 packets');
    const before = untranslated();
    // Nobody has keys: the kernel holds such packets back. What is not selected passes.
    expect(run.ping(FAR_IPV4)).toBe(false);
    expect(untranslated()).toBe(before);
    expect(run.ping(gatewayIpv4(0))).toBe(true);
    xfrm(`delete ${selector}`);
    await xdpForwards(true);
    expect(run.ping(FAR_IPV4)).toBe(true);
  });
});

describe('with "forwarding: xdp" everywhere', () => {
  it('XDP forwards whatever rules there are', async () => {
    await run.stop();
    configure('xdp');
    nft(MASQUERADE);
    await run.startAsWritten();
    await run.active('primary');
    await forwardedBy('xdp');
    const before = untranslated();
    await xdpForwards(true);
    expect(untranslated()).toBeGreaterThan(before);
  });
});

describe('with "forwarding: stack" everywhere', () => {
  it('nothing is forwarded by XDP, by no kind of route', async () => {
    await run.stop();
    configure('stack');
    await run.startAsWritten();
    await run.active('primary');
    const before = await byXdp('lan0');
    for (const address of [FAR_IPV4, FAR_IPV6, gatewayIpv4(0), OFFICE_IPV4]) {
      await until(() => run.ping(address), { timeoutMs: 20_000, what: `a reply of ${address}` });
    }
    expect(await byXdp('lan0')).toBe(before);
  });
});
