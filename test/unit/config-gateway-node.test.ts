/** The configuration of a gateway node: what it means, what is refused, and that its page is made from its schema. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { changeNode, defaultNodeConfig, parseNodeConfig } from '../../src/config/gateway-node/index.js';
import { resolveNode } from '../../src/config/gateway-node/resolve.js';
import { gatewayNodeSchema } from '../../src/config/gateway-node/schema.js';
import { formatProblem } from '../../src/config/index.js';
import { referenceTable } from '../../src/config/reference.js';
import { MAXIMUM_NAME_BYTES } from '../../src/gateway/wire/index.js';
import { encodeText } from '../../src/gateway/wire/text.js';
import { cells, tableRows } from '../helpers/markdown.js';

const page = new URL('../../docs/gateway-node.md', import.meta.url);
const read = (): string => readFileSync(page, 'utf8');

if (process.env['UPDATE_DOCS'] === '1') {
  const between = /(<!-- fields:[^\n]*-->\n)[^]*(<!-- end of fields -->)/;
  const table = `\n${referenceTable(gatewayNodeSchema).join('\n')}\n\n`;
  writeFileSync(
    page,
    read().replace(between, (_, start: string, end: string) => start + table + end),
  );
}

function configOf(text: string) {
  const result = parseNodeConfig(text, 'node.yaml');
  if ('errors' in result) throw new Error(result.errors.map(formatProblem).join('\n'));
  return result.config;
}

function problemsOf(text: string): string[] {
  const result = parseNodeConfig(text, 'node.yaml');
  return 'errors' in result ? result.errors.map(formatProblem) : [];
}

describe('docs/gateway-node.md', () => {
  test('has the table of fields that the schema makes', () => {
    const [titles, , ...rows] = referenceTable(gatewayNodeSchema).map(cells);
    expect(tableRows(read(), titles!)).toEqual(rows);
  });

  const examples = [...read().matchAll(/```yaml\n([^]*?)```/g)].map((match) => match[1]!);

  test('has examples', () => {
    expect(examples).toHaveLength(2);
  });

  test.each(examples.map((text, index) => [index + 1, text] as const))('has a valid example %i', (_, text) => {
    expect(problemsOf(text)).toEqual([]);
  });
});

describe('a configuration of a node', () => {
  it('may be left out altogether', () => {
    for (const text of ['', '# nothing\n', 'version: 1\n']) expect(configOf(text)).toEqual(defaultNodeConfig());
  });

  it('has defaults for an unmetered node on mains', () => {
    expect(defaultNodeConfig()).toMatchObject({
      name: null,
      interfaces: null,
      backhaul: { interface: null, targets: [], intervalMs: 1000, timeoutMs: 1000, failAfter: 3 },
      cost: { preference: 100, metered: false, budget: null },
      slots: 1,
      advertiseFamily: 6,
      stateDirectory: '/var/lib/detour',
    });
  });

  it('is taken as it is written', () => {
    const config = configOf(`
name: phone
interfaces: [wlan0, usb0]
backhaul: {interface: wwan0, targets: [192.0.2.53, '[2001:db8::53]:53'], interval_ms: 500, fail_after: 2}
capacity: {down_kbps: 50000}
cost: {preference: 10, metered: true, budget: {bytes: 1.5 GiB, per: day}}
battery: {minimum_percent: 0}
advertise_family: ipv4
ipv6: {routed_prefixes: ['2001:db8:1::/56']}
`);
    expect(config).toMatchObject({
      name: 'phone',
      interfaces: ['wlan0', 'usb0'],
      // No longer than the interval, where nothing else is said.
      backhaul: { interface: 'wwan0', intervalMs: 500, timeoutMs: 500, failAfter: 2 },
      capacity: { downKbps: 50_000, upKbps: 0 },
      cost: { preference: 10, metered: true, budget: { bytes: 1_610_612_736n, per: 'day' } },
      minimumBatteryPercent: 0,
      advertiseFamily: 4,
    });
    expect(config.backhaul.targets.map(({ kind, address, port }) => `${kind} ${address.toString()} ${port}`)).toEqual([
      'tcp 192.0.2.53 443',
      'dns 2001:db8::53 53',
    ]);
    expect(config.routedPrefixes.map(String)).toEqual(['2001:db8:1::/56']);
  });

  it.each([
    ['an unknown key', 'intefaces: [wlan0]', 'node.yaml:1:1: intefaces: unknown key; did you mean "interfaces"?'],
    ['an interface twice', 'interfaces: [a, a]', 'node.yaml:1:17: interfaces[1]: a is there twice; write it once'],
    ['a name that is too long', `name: ${'é'.repeat(17)}`, /has 34 bytes, at most 32 are sent/],
    ['a name that steers a terminal', 'name: "a\\tb"', /name: has control characters/],
    [
      'a target that is no address',
      'backhaul: {targets: [router.example]}',
      /backhaul\.targets\[0\]: .*not an IP address/,
    ],
    ['a target on the link', "backhaul: {targets: ['fe80::1']}", /only reached on its own link/],
    ['a timeout above the interval', 'backhaul: {interval_ms: 300, timeout_ms: 400}', /must not be above interval_ms/],
    ['a budget of nothing', 'cost: {budget: {bytes: 0 GB}}', /0 GB is nothing/],
    [
      'an IPv4 prefix that is routed',
      'ipv6: {routed_prefixes: [192.0.2.0/24]}',
      /is an IPv4 prefix; write an IPv6 prefix/,
    ],
    ['host bits', "ipv6: {routed_prefixes: ['2001:db8::1/64']}", /host bits are set: write 2001:db8::\/64/],
    ['more than 100 % of a battery', 'battery: {minimum_percent: 101}', /from 0 to 100/],
    ['a relative state directory', 'state_directory: here', /an absolute path/],
    ['what is no YAML', 'interfaces: [', /YAML syntax/],
  ])('is refused with its place: %s', (_, text, expected) => {
    const problems = problemsOf(text);
    expect(problems).toHaveLength(1);
    if (typeof expected === 'string') expect(problems[0]).toBe(expected);
    else expect(problems[0]).toMatch(expected);
  });
});

/** The configuration may not import the protocol: what both say of a name is compared here. */
describe('a name', () => {
  function isTaken(name: string): boolean {
    const problems: string[] = [];
    resolveNode(
      { name },
      {
        problem: (_path, message) => void problems.push(message),
        wasWrong: () => false,
        readTokenFile: () => ({ problem: '', write: null }),
      },
    );
    return problems.length === 0;
  }
  const isSentWhole = (name: string): boolean =>
    Buffer.from(encodeText(name, MAXIMUM_NAME_BYTES)).toString('utf8') === name;

  it('is taken exactly where the protocol sends it as it is: each character', () => {
    const differing: string[] = [];
    for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
      // Half a surrogate pair is none of any file's.
      if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue;
      const name = `a${String.fromCodePoint(codePoint)}b`;
      if (isTaken(name) !== isSentWhole(name)) differing.push(codePoint.toString(16));
    }
    expect(differing).toEqual([]);
  });

  it.each(['a', 'é', '語', '😀'])('and each length: of %s', (character) => {
    for (let count = 1; count <= MAXIMUM_NAME_BYTES + 1; count++) {
      const name = character.repeat(count);
      expect(isTaken(name), `${count}`).toBe(isSentWhole(name));
    }
  });
});

describe('another configuration for a node that runs', () => {
  const running = configOf(`
name: phone
backhaul: {interface: wwan0, targets: [192.0.2.53]}
ipv6: {routed_prefixes: ['2001:db8:1::/56']}
`);

  it('that says the same in other words changes nothing', () => {
    const same = configOf(`
ipv6: {routed_prefixes: ['2001:db8:1:0::/56']}
backhaul: {targets: ['192.0.2.53:443'], interface: wwan0}
name: phone
slots: 1
`);
    expect(changeNode(running, same)).toEqual({ config: running, changed: [], restart: [] });
  });

  it('holds, with the keys that mean something else by now', () => {
    const wanted = configOf('slots: 3\nbattery: {minimum_percent: 5}\n');
    const { config, changed, restart } = changeNode(running, wanted);
    expect(config).toEqual(wanted);
    expect(changed).toEqual(['name', 'backhaul', 'battery.minimum_percent', 'slots', 'ipv6.routed_prefixes']);
    expect(restart).toEqual([]);
  });

  it('waits for a restart with its state directory and its family', () => {
    const wanted = configOf('slots: 2\nstate_directory: /srv/detour\nadvertise_family: ipv4\n');
    const { config, changed, restart } = changeNode(defaultNodeConfig(), wanted);
    expect(config).toEqual({ ...defaultNodeConfig(), slots: 2 });
    expect([changed, restart]).toEqual([['slots'], ['advertise_family', 'state_directory']]);
  });
});
