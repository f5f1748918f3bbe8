/** Whatever the text is, loading it neither throws nor hangs, and its two descriptions agree. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { formatProblem, parseConfig } from '../../src/config/index.js';
import { configJsonSchema } from '../../src/config/json-schema.js';
import { configSchema } from '../../src/config/schema.js';
import { YamlSource } from '../../src/config/source.js';
import { validate } from '../../src/config/validate.js';

const FULL = `
version: 1
mode: active
uplinks:
  fibre:
    interface: eth1
    gateway: {ipv4: 192.0.2.1, ipv6: auto}
    source: {ipv4: 192.0.2.10}
    forwarding: stack
    hold_down_ms: 10000
    limits: {loss_percent: 10, latency_ms: 150, jitter_ms: 50}
    damping: {enabled: true, half_life_ms: 60000}
    probes:
      - {type: icmp, name: near, targets: [gateway, 192.0.2.53], interval_ms: 20, timeout_ms: 20, fail_after: 3}
      - {type: tcp, targets: ["198.51.100.7:443", {address: "2001:db8::7", port: 443}], quorum: 1}
      - {type: https, targets: [{url: "https://example.com/", address: 198.51.100.80}], expect_status: 200-299, expect_body: ok}
      - {type: http, targets: ["http://192.0.2.80/"], expect_status: 204}
      - {type: dns, targets: [198.51.100.53, "[2001:db8::53]:5353"], query: example.com, query_type: A}
  lte: {interface: wwan0, gateway: auto}
groups:
  internet: {tiers: [[{uplink: fibre, weight: 3}], [lte]], revert_delay_ms: never}
routes: [{to: 0.0.0.0/0, group: internet}, {to: 203.0.113.0/24, blackhole: true}]
interfaces: [eth0, {name: eth0.20}]
decision: {minimum_agreeing: 2}
kernel: {table: main, metric: 10, mark_base: 0x44540000, keep_on_exit: false}
dataplane: {xdp_mode: auto, max_routes: 1000}
api: {socket: null, tcp: {listen: "127.0.0.1:8068", token: aaaaaaaaaaaaaaaa}}
log: {level: info}
`;

const noTokenFile = { readTokenFile: () => ({ problem: 'no file is read here', write: null }) };

/** Parses; every problem must have a place within the text and read as one line. */
function load(text: string): number {
  const result = parseConfig(text, 'x.yaml', noTokenFile);
  if (!('errors' in result)) return 0;
  const lines = text.split('\n').length;
  expect(result.errors.length).toBeGreaterThan(0);
  for (const problem of result.errors) {
    expect(problem.line).toBeGreaterThanOrEqual(1);
    expect(problem.line).toBeLessThanOrEqual(lines + 1);
    expect(problem.column).toBeGreaterThanOrEqual(1);
    expect(formatProblem(problem)).not.toMatch(/undefined|\[object|\bNaN: /);
  }
  return result.errors.length;
}

test('the configuration that is mutated here is valid', () => {
  expect(load(FULL)).toBe(0);
});

describe('loading never throws', () => {
  test('on arbitrary text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void load(text)),
      { numRuns: 300 },
    );
  });

  test('on arbitrary structures', () => {
    const value = fc.anything({
      maxDepth: 4,
      maxKeys: 5,
      key: fc.constantFrom('uplinks', 'groups', 'type', 'targets', '__proto__', 'a'),
    });
    fc.assert(
      fc.property(value, (structure) => {
        let text: string;
        try {
          text = stringify({ uplinks: { a: structure }, routes: structure, api: structure });
        } catch {
          return;
        }
        load(text);
      }),
      { numRuns: 200 },
    );
  });

  test('on a file cut off at any character', () => {
    for (let length = 0; length < FULL.length; length += 3) load(FULL.slice(0, length));
  });

  test('on a file with characters replaced, inserted and removed', () => {
    const edit = fc.record({
      at: fc.nat(FULL.length - 1),
      remove: fc.nat(6),
      insert: fc.constantFrom(
        '',
        ':',
        '[',
        ']',
        '{',
        '}',
        '\n',
        '  ',
        '"',
        '&x ',
        '*x',
        '- ',
        '0',
        '-1',
        '1e999',
        'null',
        'é',
        '\t',
        '#',
      ),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let text = FULL;
        for (const { at, remove, insert } of edits) text = text.slice(0, at) + insert + text.slice(at + remove);
        load(text);
      }),
      { numRuns: 400 },
    );
  });
});

describe('the published JSON Schema and the checks agree', () => {
  const ajv = new Ajv2020({ strict: false, formats: { ipv4: true, ipv6: true } });
  const accepts = ajv.compile(JSON.parse(configJsonSchema()) as object);

  /** Verdicts on the shape alone; rules across fields are not in the schema. */
  function verdicts(text: string): { ours: boolean; schema: boolean } {
    const source = new YamlSource(text, 'x.yaml');
    return { ours: validate(source, configSchema).problems.length === 0, schema: accepts(parse(text)) };
  }

  test('on the valid configuration', () => {
    expect(verdicts(FULL)).toEqual({ ours: true, schema: true });
  });

  test('on that configuration with any one value replaced or removed', () => {
    const whole = parse(FULL) as unknown;
    const replacements: unknown[] = [undefined, null, true, 7, -1, 2.5, 'x', 'auto', '', [], ['a'], {}];
    let rejected = 0;
    let count = 0;
    for (const path of paths(whole)) {
      for (const replacement of replacements) {
        const text = stringify(replaced(whole, path, replacement), { aliasDuplicateObjects: false });
        const { ours, schema } = verdicts(text);
        // The one difference that is meant: where text is expected, 7 is the text "7".
        const numberForText = ours && !schema && typeof replacement === 'number';
        if (!numberForText) expect({ path, replacement, ours }).toEqual({ path, replacement, ours: schema });
        count++;
        if (!ours) rejected++;
      }
    }
    expect(count).toBeGreaterThan(1000);
    expect(rejected).toBeGreaterThan(500);
  }, 60_000);
});

type Path = (string | number)[];

function paths(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Array.isArray(value) ? value.map((item, index) => [index, item] as const) : Object.entries(value);
  return [...(path.length > 0 ? [path] : []), ...inner.flatMap(([key, item]) => paths(item, [...path, key]))];
}

/** A copy with the value at `path` replaced; undefined removes it. */
function replaced(value: unknown, path: Path, replacement: unknown): unknown {
  const copy = structuredClone(value) as Record<string | number, unknown>;
  const parent = path.slice(0, -1).reduce((node, key) => node[key] as typeof copy, copy);
  const last = path.at(-1)!;
  if (replacement !== undefined) parent[last] = replacement;
  else if (Array.isArray(parent)) parent.splice(last as number, 1);
  else delete parent[last];
  return copy;
}
