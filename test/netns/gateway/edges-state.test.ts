/** What the router changes for elected nodes on their links, and that it finds its way back. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayEdge, GatewayEdges, KernelView } from '../../../src/controller/ports.js';
import { createGatewayEdges } from '../../../src/kernel/edges/index.js';
import { withdrawEdges } from '../../../src/kernel/edges/withdraw.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { ADDRESSES, EdgeLab } from '../../helpers/edge-lab.js';
import { ip } from '../../helpers/own-netns.js';
import { until } from '../../helpers/poll.js';

const FAMILIES = [4, 6] as const;
const NOWHERE: Pick<KernelView, 'links' | 'routes' | 'nexthops'> = {
  links: new Map(),
  routes: [],
  nexthops: new Map(),
};

let lab: EdgeLab;
let stateDirectory: string;
let nowMs = 0;

const open = (): GatewayEdges => createGatewayEdges({ stateDirectory, view: () => NOWHERE, nowMs: () => nowMs });
const edge = (family: Family, options: Partial<GatewayEdge> = {}): GatewayEdge => ({
  ifname: 'lan0',
  family,
  node: IpAddress.parse(ADDRESSES.nextHop[family]),
  translated: true,
  ...options,
});

const nft = (...args: string[]): string => execFileSync('nft', args, { encoding: 'utf8' });
const tables = (): string => nft('list', 'tables');
const setting = (name: string): string => `/proc/sys/net/ipv4/conf/${name}/send_redirects`;
const settings = (): string[] => ['all', 'lan0', 'wan0'].map((name) => readFileSync(setting(name), 'utf8').trim());

beforeAll(() => {
  lab = EdgeLab.build();
});
beforeEach(() => {
  stateDirectory = mkdtempSync(join(tmpdir(), 'detour-edges-'));
  for (const name of ['all', 'lan0', 'wan0']) writeFileSync(setting(name), '1');
});
afterEach(async () => {
  await open().close({ keep: false });
  rmSync(stateDirectory, { recursive: true, force: true });
});
afterAll(() => lab?.remove());

describe('obstacle', () => {
  it('is none where rules can be written, and trying leaves nothing and touches nothing', async () => {
    const edges = open();
    await edges.apply([edge(4)]);
    const before = nft('list', 'ruleset');
    expect(await edges.obstacle()).toBeNull();
    expect(nft('list', 'ruleset')).toBe(before);
  });

  it('is that nft is missing, with what to do about it', async () => {
    const { PATH } = process.env;
    process.env['PATH'] = stateDirectory;
    try {
      expect(await open().obstacle()).toMatch(
        /: the program nft is missing: install nftables \(apt install nftables\)$/,
      );
    } finally {
      process.env['PATH'] = PATH;
    }
  });
});

describe('apply', () => {
  it('writes once, and nothing the second time; then takes everything back', async () => {
    const edges = open();
    expect(await edges.apply([edge(4), edge(6)])).toEqual({ writes: 3, problems: [] });
    expect(settings()).toEqual(['0', '0', '1']);
    expect(tables()).toContain('detour-edge');
    expect(await edges.apply([edge(4), edge(6)])).toEqual({ writes: 0, problems: [] });
    expect(await edges.apply([])).toEqual({ writes: 3, problems: [] });
    expect([settings(), tables()]).toEqual([['1', '1', '1'], '']);
    expect(await edges.apply([])).toEqual({ writes: 0, problems: [] });
    expect(existsSync(join(stateDirectory, 'edges.json'))).toBe(false);
  });

  it('calls within one another end with what was wanted last', async () => {
    const edges = open();
    await Promise.all([edges.apply([edge(4)]), edges.apply([]), edges.apply([edge(6)]), edges.apply([])]);
    expect([settings(), tables()]).toEqual([['1', '1', '1'], '']);
  });

  it('mends what somebody has done to the table, when it looks again', async () => {
    const edges = open();
    await edges.apply([edge(4)]);
    nft('flush', 'chain', 'inet', 'detour-edge', 'translate');
    nowMs += 60_000;
    expect(await edges.apply([edge(4)])).toEqual({ writes: 1, problems: [] });
    expect(nft('list', 'chain', 'inet', 'detour-edge', 'translate')).toContain('masquerade');
    nft('delete', 'table', 'inet', 'detour-edge');
    nowMs += 60_000;
    expect(await edges.apply([edge(4)])).toEqual({ writes: 1, problems: [] });
  });

  it('looks again at once where it is told that the tables have changed', async () => {
    const edges = open();
    await edges.apply([edge(4)]);
    nft('flush', 'ruleset');
    expect(await edges.apply([edge(4)])).toEqual({ writes: 0, problems: [] });
    edges.lookAgain();
    expect(await edges.apply([edge(4)])).toEqual({ writes: 1, problems: [] });
    expect(nft('list', 'chain', 'inet', 'detour-edge', 'translate')).toContain('masquerade');
  });

  it('has no translation where the node answers the clients straight', async () => {
    await open().apply([edge(4, { translated: false }), edge(6, { translated: false })]);
    const listed = nft('list', 'table', 'inet', 'detour-edge');
    expect(listed).toContain('nd-redirect drop');
    expect(listed).not.toMatch(/masquerade|zone/);
  });

  it('reports what it cannot do, and does the rest', async () => {
    const edges = open();
    const report = await edges.apply([edge(4), edge(4, { ifname: 'a"b' })]);
    expect(report.problems).toEqual(['a"b: nft cannot be told of an interface with this name']);
    expect(tables()).toContain('detour-edge');
  });

  it('does not care about an interface that is not there (any more)', async () => {
    ip('link add gone0 type veth peer name gone1');
    const edges = open();
    expect((await edges.apply([edge(4, { ifname: 'gone0' })])).problems).toEqual([]);
    ip('link delete gone0');
    expect(await edges.apply([edge(4, { ifname: 'gone0' })])).toEqual({ writes: 0, problems: [] });
    expect((await edges.apply([])).problems).toEqual([]);
    expect(settings()[0]).toBe('1');
  });
});

describe('what was found', () => {
  it('is put back by the next run after a crash', async () => {
    writeFileSync(setting('wan0'), '0');
    await open().apply([edge(4), edge(4, { ifname: 'wan0' })]);
    expect(settings()).toEqual(['0', '0', '0']);
    // A new run, which has elected nobody on wan0 yet.
    expect((await open().apply([edge(4)])).problems).toEqual([]);
    expect(settings()).toEqual(['0', '0', '0']); // wan0 was 0 before
    expect((await open().apply([])).problems).toEqual([]);
    expect([settings(), tables()]).toEqual([['1', '1', '0'], '']);
  });

  it('stays as it is with `keep`, and is remembered', async () => {
    const edges = open();
    await edges.apply([edge(4)]);
    await edges.close({ keep: true });
    expect(settings()).toEqual(['0', '0', '1']);
    expect(tables()).toContain('detour-edge');
    await open().close({ keep: false });
    expect([settings(), tables()]).toEqual([['1', '1', '1'], '']);
  });

  it('is put back without a controller, too, and said', async () => {
    await open().apply([edge(4)]);
    expect(await withdrawEdges(stateDirectory)).toEqual([
      'nft table inet detour-edge',
      '2 settings of gateway nodes (send_redirects), which are as they were found',
    ]);
    expect([settings(), tables()]).toEqual([['1', '1', '1'], '']);
    expect(await withdrawEdges(stateDirectory)).toEqual([]);
  });

  it('is not put back over what somebody has set since, nor from an earlier boot, another namespace or a damaged file', async () => {
    const edges = open();
    await edges.apply([edge(4)]);
    const journal = join(stateDirectory, 'edges.json');
    const text = readFileSync(journal, 'utf8');
    const another = (key: string): string => text.replace(new RegExp(`"${key}":"[^"]*"`), `"${key}":"another"`);
    for (const other of [another('boot'), another('netns'), '{"boot', 'null', '']) {
      writeFileSync(journal, other);
      expect(await open().apply([])).toMatchObject({ problems: [] });
      expect(settings()).toEqual(['0', '0', '1']);
    }
    writeFileSync(journal, text);
    writeFileSync(setting('lan0'), '1');
    await open().apply([]);
    expect(settings()).toEqual(['1', '1', '1']);
  });
});

describe.each(FAMILIES)('redirects, IPv%i', (family) => {
  const received = (): number => {
    const [file, name] = family === 4 ? ['snmp', 'InRedirects'] : ['snmp6', 'Icmp6InRedirects'];
    const lines = lab.client.exec('cat', [`/proc/net/${file}`]).split('\n');
    if (family === 6) return Number(lines.find((line) => line.startsWith(name))?.split(/\s+/)[1]);
    const [names, values] = lines.filter((line) => line.startsWith('Icmp:')).map((line) => line.split(' '));
    return Number(values![names!.indexOf(name)]);
  };

  it('go to clients of a node on their own link without it, and not with it', async () => {
    const edges = open();
    await edges.apply([edge(family, { translated: false })]);
    lab.send('node');
    const before = received();
    const heard = await lab.echo(lab.node, ADDRESSES.behindNode[family], 1020);
    const { returned, end } = lab.stream(lab.client, ADDRESSES.client[family], ADDRESSES.behindNode[family], 1020);
    await until(() => heard.size > 200, { timeoutMs: 10_000, what: 'datagrams through the router' });
    expect(received()).toBe(before);
    await edges.apply([]);
    await until(() => received() > before, { timeoutMs: 10_000, what: 'a redirect' });
    await end();
    expect(returned.size).toBeGreaterThan(0);
    lab.send('uplink');
  });
});
