/** The router's channel: the machine over a link, keys, files and a clock. */
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { GatewaysConfig } from '../../../src/config/types.js';
import { pathWriter, readPath } from '../../../src/gateway/path-file.js';
import { ChannelWorld, metered, pathView } from '../../helpers/gateway/channel-world.js';
import { nodeId } from '../../helpers/gateway/router-world.js';

const SECOND = 1_000_000;
const DAY_US = 86_400 * SECOND;
const worlds: ChannelWorld[] = [];

function open(names?: readonly string[], change?: Partial<GatewaysConfig>): ChannelWorld {
  const world = new ChannelWorld(names, change);
  worlds.push(world);
  return world;
}

const elected = (change?: Partial<GatewaysConfig>): ChannelWorld =>
  open(['a'], change).apply([4]).advertise('a').answer();

afterEach(() => worlds.splice(0).forEach((world) => world.remove()));

describe('the channel', () => {
  it('sends ELECT in the call that makes it due, and reads at once while it waits', () => {
    const world = open().apply([]).advertise('a');
    expect(world.sent).toEqual([]);
    world.apply([4]);
    expect(world.last().message).toMatchObject({ type: 'elect', lease: { role: 'active' }, want: { families: [4] } });
    expect(world.urgent).toBe(true);
    world.answer();
    expect(world.urgent).toBe(false);
  });

  it('reads in longer batches while nobody is elected and nobody is needed, and not before that is known', () => {
    const world = open();
    expect(world.calm).toBe(false);
    expect(world.apply([]).calm).toBe(true);
    // Whoever advertises now is to be elected.
    expect(world.apply([4]).calm).toBe(false);
    expect(world.advertise('a').answer().apply([], { idle: [] }).calm).toBe(false);
    expect(world.answer().apply([], { idle: ['a'] }).calm).toBe(false);
    expect(world.answer().calm).toBe(true);
  });

  it('repeats what is not answered, by the clock', () => {
    const world = open().apply([4]).advertise('a');
    world.clock.advance(100_000);
    expect(world.sent.length).toBe(3);
  });

  it('tells of elected nodes, also what a listener asks within', () => {
    const world = open();
    const seen: number[] = [];
    world.channel.onElected((nodes) => {
      seen.push(nodes.length);
      if (nodes.length > 0) world.apply([]);
    });
    world.apply([4]).advertise('a').answer();
    expect(world.elected.map((nodes) => nodes.map(({ leaving }) => leaving))).toEqual([[false], [true]]);
    expect(seen).toEqual([1, 1]);
    expect(world.channel.elected()).toMatchObject([
      { name: 'a', ifindex: 3, ifname: 'lan0', translated: true, leaving: true },
    ]);
  });

  it('releases a node once no traffic goes to it', () => {
    const world = elected().apply([], { idle: ['a'] });
    expect(world.last().message).toMatchObject({ type: 'release', reason: { code: 're-established' } });
    expect(world.answer().channel.elected()).toEqual([]);
    expect(world.channel.status().gateways[0]?.state).toBe('offered');
  });

  it('writes nothing and says nothing when the same is applied again', () => {
    const world = elected();
    const [sent, records] = [world.sent.length, world.records.length];
    world.apply([4]).apply([4]);
    expect([world.sent.length, world.records.length]).toEqual([sent, records]);
  });

  it('gives up a node whose path is down for 3 s', () => {
    const world = elected();
    world.apply([4], { measured: [{ node: 'a', path: pathView(4, 'down') }] });
    world.clock.advance(3 * SECOND);
    expect(world.last().message).toMatchObject({ type: 'release', reason: { code: 'path-fails' } });
    expect(world.channel.statistics()).toMatchObject({
      gatewayElections: 1,
      gatewayReceived: 1,
      gatewayOverruns: 6,
      gatewaySendErrors: 4,
    });
  });

  it('says once that nobody can be heard on an interface, and again when that comes back', () => {
    const world = open().apply([4]);
    const told = (): number => world.log.filter((line) => line.includes('lan0: IPv4: EADDRINUSE')).length;
    const look = (): void => world.clock.advance(4 * SECOND);
    const problem = { ifname: 'lan0', reason: 'IPv4: EADDRINUSE' };
    const counts = [[problem], [problem], [], [problem]].map((problems) => {
      world.linkProblems = problems;
      look();
      return told();
    });
    expect(counts).toEqual([1, 1, 1, 2]);
  });

  it('counts elections that fail', () => {
    const world = open().apply([4]).advertise('a');
    const { message, order: echo } = world.last();
    if (message.type !== 'elect') throw new Error('no ELECT');
    world.hear('a', { type: 'refuse', lease: message.lease, echo, reason: { code: 'busy', text: '' } });
    expect(world.channel.statistics()).toMatchObject({ gatewayElections: 0, gatewayElectionFailures: 1 });
  });

  it('counts an answer to nothing at the link, and tells of discarded messages', () => {
    const world = elected();
    const { message } = world.last();
    if (message.type !== 'elect') throw new Error('no ELECT');
    world.hear('a', { type: 'accept', lease: message.lease, echo: 1n, families: [] });
    expect(world.discarded).toEqual(['echo']);
    world.callbacks.onBurst({ reason: 'key', count: 12, origin: null });
    expect(world.records.at(-1)).toMatchObject({ kind: 'gateway-discards', reason: 'key', count: 12 });
    expect(world.channel.status().discarded).toEqual({ key: 5 });
  });

  it('remembers who a node is once it has spoken', () => {
    const world = open();
    world.callbacks.onPeer('a', nodeId('a'));
    expect(world.pairings.find('a')?.peer).toBe(nodeId('a'));
  });

  it('goes on when its files cannot be written, and says so once', () => {
    const world = open();
    world.callbacks.onPeer('a', nodeId('a'));
    writeFileSync(join(world.directory, 'nodes', 'a.json'), 'rubbish', { mode: 0o600 });
    world.callbacks.onPeer('a', nodeId('b'));
    world.callbacks.onPeer('a', nodeId('b'));
    expect(world.log.filter((line) => line.includes('a peer')).length).toBe(1);
  });
});

describe('people', () => {
  it('elect, release and leave to itself a node by name; an unknown one is refused', () => {
    const world = open().apply([]).advertise('a');
    world.channel.elect('a', 'Ada');
    expect(world.last().message).toMatchObject({ type: 'elect', lease: { role: 'standby' } });
    expect(world.channel.status().gateways[0]).toMatchObject({ operator: 'elect' });
    world.answer().channel.release('a', 'Ada');
    expect(world.channel.elected()).toMatchObject([{ leaving: true }]);
    world.channel.auto('a', 'Ada');
    expect(world.channel.status().gateways[0]?.operator).toBeNull();
    expect(world.causes()).toEqual(expect.arrayContaining(['to be elected, says Ada', 'not to be elected, says Ada']));
    for (const act of ['approve', 'elect', 'release', 'auto', 'revoke'] as const) {
      expect(() => world.channel[act]('b', 'Ada')).toThrow(/no gateway named "b"; paired: a/);
    }
  });

  it('approve a node, which is kept', () => {
    const world = open(['a'], { approval: 'manual' }).apply([4]).advertise('a');
    expect(world.sent).toEqual([]);
    world.channel.approve('a', 'Ada');
    expect(world.last().message.type).toBe('elect');
    expect(world.pairings.find('a')?.approved).toBe(true);
  });

  it('end a pairing: RELEASE while there is a key, then no key', () => {
    const world = elected();
    let keyAtRelease = false;
    const push = world.sent.push.bind(world.sent);
    world.sent.push = (...messages) => {
      keyAtRelease = world.pairings.find('a') !== undefined;
      return push(...messages);
    };
    world.channel.revoke('a', 'Ada');
    expect(world.last().message.type).toBe('release');
    expect(keyAtRelease).toBe(true);
    expect(world.pairings.find('a')).toBeUndefined();
    expect(world.channel.elected()).toEqual([]);
    expect(world.channel.status().gateways).toEqual([]);
  });

  it('pair a node while it runs', () => {
    const world = open([]).apply([4]);
    const other = new ChannelWorld(['b']);
    worlds.push(other);
    const file = readFileSync(join(other.directory, 'nodes', 'b.json'), 'utf8');
    writeFileSync(join(world.directory, 'nodes', 'b.json'), file, { mode: 0o600 });
    world.channel.reloadPairings();
    expect(world.advertise('b').last('b').message.type).toBe('elect');
  });
});

describe('a restart', () => {
  it('keeps the node that was elected, and renews it at once with a greater order', async () => {
    const world = elected();
    const { order } = world.last();
    await world.channel.close({ keep: true });
    expect(world.sent.filter(({ message }) => message.type === 'release')).toEqual([]);
    expect(statSync(join(world.directory, 'elected.json')).mode & 0o777).toBe(0o600);
    world.clock.advance(2 * SECOND);
    world.start();
    expect(world.channel.elected()).toMatchObject([{ name: 'a', role: 'active', leaving: false }]);
    expect(world.last().message.type).toBe('renew');
    expect(world.last().order).toBeGreaterThan(order);
    expect(world.seeded).toEqual(['a']);
    world.answer().apply([4]);
    expect(world.channel.elected()).toMatchObject([{ leaving: false }]);
  });

  it('after a kill keeps it, too, however long it has been renewed before', () => {
    const world = elected();
    for (let renewal = 0; renewal < 9; renewal += 1) world.carry(BigInt(renewal));
    world.start();
    expect(world.channel.elected()).toMatchObject([{ name: 'a' }]);
  });

  it('of the machine, or after the lease, keeps none', async () => {
    const world = elected();
    await world.channel.close({ keep: true });
    expect(world.start('boot-2').channel.elected()).toEqual([]);
    await world.channel.close({ keep: true });
    const late = elected();
    await late.channel.close({ keep: true });
    late.clock.advance(15 * SECOND);
    expect(late.start().channel.elected()).toEqual([]);
  });

  it.each([
    '',
    '{',
    '[]',
    '{"version":1,"boot":"boot-1","leases":[{}]}',
    '{"version":1,"boot":"boot-1","leases":[null]}',
  ])('takes a file of leases that says %j for none', (text) => {
    const world = open();
    writeFileSync(join(world.directory, 'elected.json'), text, { mode: 0o600 });
    expect(world.start().channel.elected()).toEqual([]);
  });

  it('does without leases that others could have written', () => {
    const world = elected();
    chmodSync(join(world.directory, 'elected.json'), 0o644);
    expect(world.start().channel.elected()).toEqual([]);
  });
});

describe('a stop', () => {
  it('releases everybody and waits for the answer', async () => {
    const world = elected();
    const closing = world.channel.close({ keep: false });
    expect(world.last().message).toMatchObject({ type: 'release', reason: { code: 'shutting-down' } });
    world.answer();
    await closing;
    expect(world.closed).toBe(true);
    expect(JSON.parse(readFileSync(join(world.directory, 'elected.json'), 'utf8'))).toMatchObject({ leases: [] });
  });

  it('waits no longer than 300 ms', async () => {
    const world = elected();
    const closing = world.channel.close({ keep: false });
    world.clock.advance(300_000);
    await closing;
    expect(world.sent.filter(({ message }) => message.type === 'release').length).toBeGreaterThan(3);
    const count = world.sent.length;
    world.clock.advance(SECOND);
    expect(world.sent.length).toBe(count);
  });
});

describe('the byte budget', () => {
  const budget = { bytes: 1_000_000_000n, per: 'day' as const, warnPercent: 80 };
  const costly = (change: Partial<GatewaysConfig> = {}): ChannelWorld =>
    open(['a'], { budget, ...change })
      .apply([4])
      .advertise('a', { cost: metered })
      .answer();

  it('warns, then ends the election, until the next day', () => {
    const world = costly().carry(799_999_999n);
    expect(world.causes().filter((cause) => cause.includes('budget'))).toEqual([]);
    world.carry(800_000_000n);
    expect(world.causes()).toContain('most of its byte budget is used: 800 MB of 1000 MB this day');
    world.carry(1_000_000_000n);
    expect(world.causes()).toContain('its byte budget is used up: 1000 MB of 1000 MB this day');
    expect(world.channel.elected()).toMatchObject([{ leaving: true }]);
    expect(world.channel.status().gateways[0]?.usage.budget).toEqual({
      usedBytes: 1_000_000_000n,
      limitBytes: 1_000_000_000n,
      per: 'day',
      exhausted: true,
    });
    world.apply([4], { idle: ['a'] }).answer('a', { toNetworkBytes: 0n, fromNetworkBytes: 1_000_000_000n });
    world.advertise('a', { cost: metered });
    expect(world.channel.status().gateways[0]?.why).toBe('cannot be elected: the byte budget is used up');
    world.clock.wall += DAY_US / 1000;
    world.clock.advance(2 * SECOND);
    expect(world.causes()).toContain('its byte budget is free again');
    expect(world.last().message.type).toBe('elect');
  });

  it('counts over leases and restarts, and no lease twice', async () => {
    const world = costly().carry(300_000_000n).carry(500_000_000n);
    await world.channel.close({ keep: true });
    world.start().apply([4]).answer('a', { toNetworkBytes: 0n, fromNetworkBytes: 600_000_000n });
    world.advertise('a', { cost: metered });
    expect(world.channel.status().gateways[0]?.usage.budget?.usedBytes).toBe(600_000_000n);
    world.apply([], { idle: ['a'] }).apply([], { idle: ['a'] });
    world.answer('a', { toNetworkBytes: 0n, fromNetworkBytes: 700_000_000n });
    world.apply([4]).answer().carry(50_000_000n);
    expect(world.channel.status().gateways[0]?.usage.budget?.usedBytes).toBe(750_000_000n);
  });

  it('does not concern nodes that are not metered', () => {
    const world = open(['a'], { budget }).apply([4]).advertise('a').answer().carry(9_000_000_000n);
    expect(world.channel.elected()).toMatchObject([{ leaving: false }]);
    expect(world.channel.status().gateways[0]?.usage.budget).toBeNull();
  });

  it('takes up a file that is broken as nothing, and says so', () => {
    const world = open();
    writeFileSync(join(world.directory, 'usage.json'), '{"version":1,"nodes":[{"name":"a"}]}', { mode: 0o600 });
    world.start();
    expect(world.log.join()).toMatch(/usage.json.*counted from now on/);
  });
});

describe('a node agent on the same machine', () => {
  it('is told who this router leaves through', () => {
    const world = open(['a'], {})
      .apply([4])
      .advertise('a', { path: ['e'.repeat(32)] })
      .answer();
    expect(readPath(world.directory, 'upstream', world.clock)).toEqual([nodeId('a'), 'e'.repeat(32)]);
    world.apply([], { idle: ['a'] });
    world.clock.advance(2 * SECOND);
    expect(readPath(world.directory, 'upstream', world.clock)).toEqual([]);
  });

  it('is believed about whom it serves: such a node is not elected, others hear of it', () => {
    const world = open(['a', 'b']).apply([4]);
    pathWriter(world.directory, 'downstream', world.clock).keep([nodeId('a')]);
    world.clock.advance(2 * SECOND);
    world.advertise('a');
    expect(world.sent).toEqual([]);
    expect(world.advertise('b').last('b').message).toMatchObject({ path: [expect.any(String), nodeId('a')] });
  });

  it('is not believed any more when it has not written for 75 s, or has written before this boot', () => {
    const world = open();
    pathWriter(world.directory, 'downstream', world.clock).keep([nodeId('a')]);
    world.clock.now += 75 * SECOND;
    expect(readPath(world.directory, 'downstream', world.clock)).toEqual([nodeId('a')]);
    world.clock.now += 1;
    expect(readPath(world.directory, 'downstream', world.clock)).toEqual([]);
    world.clock.now -= 200 * SECOND;
    expect(readPath(world.directory, 'downstream', world.clock)).toEqual([]);
  });

  it('makes no file where there is nothing to say', () => {
    const world = open();
    world.clock.advance(10 * SECOND);
    expect(existsSync(join(world.directory, 'upstream.json'))).toBe(false);
  });
});

describe('what the API shows', () => {
  it('is the node as it is seen', () => {
    const world = elected();
    world.clock.advance(SECOND);
    expect(world.channel.status()).toMatchObject({
      enabled: true,
      need: { active: [4], standby: [], cause: 'fibre down' },
      gateways: [
        {
          name: 'a',
          id: nodeId('a'),
          state: 'elected',
          uplink: 'gw-a',
          interface: 'lan0',
          lastHeardMs: 1000,
          rank: 1,
          why: 'elected as active; the best of 1',
          lease: { role: 'active', sinceMs: 1000, leftMs: 14_000 },
        },
      ],
    });
    expect(
      JSON.stringify(world.channel.status(), (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v)),
    ).not.toContain(Buffer.from(world.pairings.list()[0]!.keys[0]!.key).toString('hex'));
    expect(world.channel.peers()).toMatchObject([{ ifindex: 3 }]);
  });
});
