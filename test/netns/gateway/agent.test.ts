/**
 * `detour gateway run` as a process, elected by a router that is played here with the link and the codec:
 *
 *     router [r0] ----------- [lan.7] node [wan] ----------- [f0] far        (ArmingWorld)
 *     LinkRig                 detour gateway run
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../../src/gateway/node/agent/index.js';
import type { ReceivedMessage } from '../../../src/gateway/link/types.js';
import { openPairings } from '../../../src/gateway/pairing/index.js';
import type { Message, MessageType, Order, Role } from '../../../src/gateway/wire/types.js';
import { Prefix } from '../../../src/net/prefix.js';
import { builtCli, runProcess } from '../../helpers/cli.js';
import { ArmingWorld } from '../../helpers/gateway/arming-world.js';
import { LinkRig, pairingWith } from '../../helpers/gateway/link-rig.js';
import { testKey } from '../../helpers/gateway/messages.js';
import { until } from '../../helpers/poll.js';

/** CAP_NET_ADMIN and nothing else, for what it starts, too. */
const NET_ADMIN_ONLY = ['setpriv', '--bounding-set=-all,+net_admin', '--inh-caps=-all,+net_admin'];
const NODE = { 4: '198.51.100.2', 6: '2001:db8:2::2' } as const;
const ROUTER = { 4: '192.0.2.1', 6: '2001:db8:1::1' } as const;
const LEASE_MS = 30_000;

let world: ArmingWorld;
let router: LinkRig;
let agents: AgentProcess[];
let found: string;

class AgentProcess {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  log = '';

  constructor(command: readonly string[] = []) {
    const args = [...command, process.execPath, builtCli(), 'gateway', 'run', configFile()];
    this.#process = spawn('ip', ['netns', 'exec', world.node.name, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    this.#ended = once(this.#process, 'exit');
    agents.push(this);
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#process.kill(signal);
    await this.#ended;
    return this.#process.exitCode;
  }

  reload(): void {
    this.#process.kill('SIGHUP');
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

const configFile = (): string => join(world.stateDirectory, 'gateway.yaml');

function configure(more = ''): void {
  writeFileSync(
    configFile(),
    `name: phone\ninterfaces: [lan.7]\nadvertise_interval_ms: 100\nstate_directory: ${world.stateDirectory}\n${more}`,
  );
}

const status = (): AgentStatus | null => {
  try {
    return JSON.parse(readFileSync(join(world.stateDirectory, 'gateway-status.json'), 'utf8')) as AgentStatus;
  } catch {
    return null;
  }
};

const statusLine = async (): Promise<string> =>
  (await runProcess(['gateway', 'status', '--config', configFile()])).stdout.split('\n')[0]!;

beforeEach(async () => {
  world = await new ArmingWorld().ready();
  agents = [];
  router = new LinkRig('router', world.router, { pairings: [pairingWith('phone', [testKey('a')])] }).speakOn('r0');
  router.link.setUrgent(true);
  const store = openPairings({ stateDirectory: world.stateDirectory, side: 'routers' });
  store.add(pairingWith('home', [testKey('a')], router.self));
  store.close();
  configure();
  found = world.snapshot();
});

afterEach(() => {
  for (const agent of agents) agent.kill();
  router.link.close();
  world.remove();
});

type Heard<T extends MessageType> = ReceivedMessage & { message: Extract<Message, { type: T }> };

/** The first message of this type after the first `after` ones. */
function heard<T extends MessageType>(type: T, after = 0): Promise<Heard<T>> {
  return until(
    () => router.received.slice(after).find(({ message }) => message.type === type) as Heard<T> | undefined,
    { what: type },
  );
}

interface Wish {
  number?: bigint;
  leftMs?: number;
  role?: Role;
}

function ask(type: 'elect' | 'renew', adv: ReceivedMessage, { number = 1n, leftMs = LEASE_MS, role = 'active' }: Wish) {
  const message: Message = {
    type,
    lease: { router: router.self, number, role, leftMs },
    echo: adv.header.order,
    want: { families: [4, 6], wayBack: 'router' },
    clients: [Prefix.parse(`${ROUTER[4]}/32`), Prefix.parse(`${ROUTER[6]}/128`)],
    path: [router.self],
  };
  return router.send('phone', message, adv.origin);
}

function release(adv: ReceivedMessage): void {
  const lease = { router: router.self, number: 1n, role: 'active', leftMs: 0 } as const;
  const reason = { code: 're-established', text: 'the network is re-established' } as const;
  router.send('phone', { type: 'release', lease, echo: adv.header.order, reason }, adv.origin);
}

/** The node has offered, was elected and says that its rules are in force. */
async function elect(wish: Wish = {}): Promise<ReceivedMessage> {
  const advertisement = await heard('advertise', router.received.length);
  ask('elect', advertisement, wish);
  await heard('accept', router.received.length);
  return advertisement;
}

const epochOf = (order: Order): bigint => order >> 32n;

describe('an agent that is elected', () => {
  test('offers, serves, renews, and is as it was found when it is released', async () => {
    new AgentProcess();
    const advertisement = await elect();
    expect((await heard('advertise')).message).toMatchObject({ name: 'phone', slots: { total: 1, used: 0 } });
    expect((await heard('accept')).message.families.map(({ family, gateway }) => [family, gateway.family])).toEqual([
      [4, 4],
      [6, 6],
    ]);
    expect(world.seenFrom(ROUTER[4])).toBe(NODE[4]);
    expect(world.seenFrom(ROUTER[6])).toBe(NODE[6]);
    await until(() => status()?.state === 'elected', { what: 'the status file' });
    const endedBefore = Date.parse(status()!.leases[0]!.endsAt);
    expect(await statusLine()).toMatch(/^elected by \S+ since \d\d:\d\d, .+ carried, lease \d+ s$/);

    ask('renew', advertisement, { leftMs: 2 * LEASE_MS });
    const renewed = await heard('status');
    expect(renewed.message.lease.leftMs).toBeGreaterThan(LEASE_MS);
    await until(() => Date.parse(status()!.leases[0]!.endsAt) > endedBefore, {
      what: 'the later end in the status file',
    });

    release(advertisement);
    const { usage } = (await heard('released')).message;
    // Each datagram: 50 bytes of text, headers of UDP and of IPv4 or IPv6.
    expect([usage.toNetworkBytes, usage.fromNetworkBytes]).toEqual([176n, 176n]);
    expect(world.snapshot()).toBe(found);
    expect(world.isSilent(ROUTER[4])).toBe(true);
    await until(async () => /^offering IPv4 and IPv6 on lan.7; not elected$/.test(await statusLine()), {
      what: 'the status after the release',
    });
  });

  test('is as it was found when its lease ends without a word', async () => {
    new AgentProcess();
    await elect({ leftMs: 1500 });
    expect(world.seenFrom(ROUTER[4])).toBe(NODE[4]);
    await until(() => world.snapshot() === found, { what: 'the machine as it was found' });
    expect(world.isSilent(ROUTER[4])).toBe(true);
  });

  test('reads its configuration again at SIGHUP and goes on serving; one that is wrong changes nothing', async () => {
    const agent = new AgentProcess();
    await elect();
    const reloaded = async (line: RegExp): Promise<void> => {
      agent.reload();
      await until(() => line.test(agent.log), { what: `${line} in the log` });
      expect(world.seenFrom(ROUTER[4])).toBe(NODE[4]);
    };
    const before = router.received.length;
    configure('cost: {preference: 7}\n');
    await reloaded(/ info reloaded \S+gateway\.yaml: cost$/m);
    await until(
      () =>
        router.received
          .slice(before)
          .some(({ message }) => message.type === 'advertise' && message.cost?.preference === 7),
      { what: 'the new preference' },
    );
    expect((await heard('advertise', router.received.length)).message.lease).toMatchObject({ number: 1n });

    configure('cost: {preference: dear}\n');
    await reloaded(/ error not reloaded, the running configuration stays: .*: cost\.preference: /);
    writeFileSync(configFile(), `interfaces: [lan.7]\nstate_directory: ${world.stateDirectory}/other\n`);
    await reloaded(/ warn state_directory: as before until a restart$/m);
    expect(await agent.end('SIGTERM')).toBe(0);
    expect(world.snapshot()).toBe(found);
  });

  test('withdraws and puts everything back at SIGTERM', async () => {
    const agent = new AgentProcess();
    await elect();
    expect(world.snapshot()).not.toBe(found);
    const before = router.received.length;
    expect(await agent.end('SIGTERM')).toBe(0);
    expect(world.snapshot()).toBe(found);
    const withdrawn = await heard('withdraw', before);
    expect(withdrawn.message).toMatchObject({ reason: { code: 'shutting-down' }, lease: { number: 1n } });
    expect(status()).toBeNull();
    expect((await runProcess(['gateway', 'status', '--config', configFile()])).code).toBe(69);
  });

  test('leaves nothing behind when it is killed, and serves again when it is started again', async () => {
    const agent = new AgentProcess();
    const first = await elect();
    await agent.end('SIGKILL');
    await until(() => world.snapshot() === found, { what: 'the machine as it was found' });
    expect((await runProcess(['gateway', 'status', '--config', configFile()])).code).toBe(69);

    const after = router.received.length;
    new AgentProcess();
    const again = await heard('advertise', after);
    expect(epochOf(again.header.order)).toBeGreaterThan(epochOf(first.header.order));
    expect(again.message.lease).toBeUndefined();
    await elect({ number: 2n });
    expect(world.seenFrom(ROUTER[4])).toBe(NODE[4]);
  });

  test('needs CAP_NET_ADMIN and nothing else', async () => {
    const agent = new AgentProcess(NET_ADMIN_ONLY);
    const advertisement = await elect();
    expect(world.seenFrom(ROUTER[4])).toBe(NODE[4]);
    expect(world.seenFrom(ROUTER[6])).toBe(NODE[6]);
    release(advertisement);
    await heard('released');
    expect(world.snapshot()).toBe(found);
    expect(await agent.end('SIGTERM')).toBe(0);
  });
});

describe('an agent', () => {
  test('tells who starts a second one which process is there', async () => {
    new AgentProcess();
    await until(() => status() !== null, { what: 'the first one' });
    const second = await runProcess(['gateway', 'run', configFile()]);
    expect(second.code).toBe(75);
    expect(second.stderr).toMatch(/process \d+ holds the state directory/);
  });

  test('follows its interface: gone, it withdraws its offer; there again, it offers', async () => {
    const agent = new AgentProcess();
    await heard('advertise');
    world.node.ip('link set lan.7 down');
    await until(() => status()?.state === 'hindered', { what: 'the offer ending' });
    expect(await statusLine()).toBe('nothing is offered: lan.7 is not there, or has no address');
    world.node.ip('link set lan.7 up');
    const after = router.received.length;
    await heard('advertise', after);
    expect(agent.log).toMatch(/nothing is offered: lan\.7.*\n.*offering IPv4/);
  });

  test('withdraws when nothing answers beyond its way out any more', async () => {
    configure('backhaul: {targets: [203.0.113.1], interval_ms: 200, timeout_ms: 100, fail_after: 2}\n');
    new AgentProcess();
    const offer = await heard('advertise');
    // The other family has no target: nobody can say that it works.
    expect(offer.message.families.map(({ family }) => family)).toEqual([4]);
    world.far.ip('link set f0 down');
    expect((await heard('withdraw')).message.reason.code).toBe('backhaul');
  });

  test('offers nothing without nft, and offers once that is installed', async () => {
    const programs = join(world.stateDirectory, 'bin');
    mkdirSync(programs);
    const agent = new AgentProcess(['env', `PATH=${programs}`]);
    await until(() => agent.log.includes(' warn nothing is offered: the program nft is missing: install nftables'), {
      what: 'the warning',
    });
    expect(router.received.filter(({ message }) => message.type === 'advertise')).toEqual([]);
    const nft = execFileSync('sh', ['-c', 'command -v nft'], { encoding: 'utf8' }).trim();
    symlinkSync(nft, join(programs, 'nft'));
    await heard('advertise');
  });

  test('hears at once of a pairing that is removed: its lease ends, and the router is told so', async () => {
    new AgentProcess();
    await elect();
    const before = router.received.length;
    const left = await runProcess(['gateway', 'leave', 'home', '--config', configFile()]);
    expect(left.code).toBe(0);
    expect((await heard('withdraw', before)).message).toMatchObject({
      reason: { code: 'owner' },
      lease: { number: 1n },
    });
    await until(() => world.snapshot() === found, { what: 'the machine as it was found' });
    await until(() => status()?.state === 'unpaired', { what: 'the status' });
  });

  test('shows with --dry-run what it would change, and changes nothing', () => {
    const output = world.node.exec(process.execPath, [builtCli(), 'gateway', 'run', '--dry-run', configFile()]);
    expect(output).toMatch(/^echo 1 > \/proc\/sys\/net\/ipv4\/conf\/lan\.7\/forwarding # 0 now$/m);
    expect(output).toMatch(/^add rule inet detour-gateway postrouting oifname "wan" .* masquerade$/m);
    expect(world.snapshot()).toBe(found);
    expect(status()).toBeNull();
  });

  test('puts back with "restore" what was left, and says so', async () => {
    world.node.exec('nft', ['add table inet detour-gateway']);
    const command = [builtCli(), 'gateway', 'restore', '--config', configFile()];
    expect(world.node.exec(process.execPath, command)).toMatch(/nft delete table inet detour-gateway/);
    expect(world.snapshot()).toBe(found);
    expect(world.node.exec(process.execPath, command)).toBe('nothing was left\n');
  });
});
