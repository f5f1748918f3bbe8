/** What is published about the configuration is made from its schema. UPDATE_DOCS=1 rewrites it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatProblem, parseConfig } from '../../src/config/index.js';
import { configJsonSchema } from '../../src/config/json-schema.js';
import { LIMITS } from '../../src/config/limits.js';
import { referenceTable } from '../../src/config/reference.js';
import { cells, tableRows } from '../helpers/markdown.js';

const file = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const read = (path: string): string => readFileSync(file(path), 'utf8');

if (process.env['UPDATE_DOCS'] === '1') {
  writeFileSync(file('docs/config.schema.json'), configJsonSchema());
  const between = /(<!-- fields:[^\n]*-->\n)[^]*(<!-- end of fields -->)/;
  const table = `\n${referenceTable().join('\n')}\n\n`;
  const written = read('docs/config.md').replace(between, (_, start: string, end: string) => start + table + end);
  writeFileSync(file('docs/config.md'), written);
}

test('docs/config.schema.json is the schema', () => {
  expect(JSON.parse(read('docs/config.schema.json'))).toEqual(JSON.parse(configJsonSchema()));
});

test('the table of fields in docs/config.md is the schema', () => {
  const [titles, , ...rows] = referenceTable().map(cells);
  expect(tableRows(read('docs/config.md'), titles!)).toEqual(rows);
});

describe('the examples in docs/config.md', () => {
  const examples = [...read('docs/config.md').matchAll(/```yaml\n([^]*?)```/g)].map((match) => match[1]!);

  test('are there', () => {
    expect(examples).toHaveLength(2);
  });

  test.each(examples.map((text, index) => [index + 1, text] as const))('number %i is valid', (_, text) => {
    const result = parseConfig(text, 'example.yaml', { readTokenFile: () => ({ token: 'x'.repeat(32) }) });
    expect('errors' in result ? result.errors.map(formatProblem) : []).toEqual([]);
  });
});

test('limits that are sizes of the data plane agree with bpf/abi.h', () => {
  const header = read('bpf/abi.h');
  const size = (name: string): number => Number(new RegExp(`\\b${name} = (\\d+)`).exec(header)?.[1]);
  expect(LIMITS.tiers).toBe(size('MAX_TIERS'));
  expect(LIMITS.tierMembers).toBe(size('MAX_TIER_MEMBERS'));
  expect(LIMITS.interfaces).toBe(size('MAX_INTERFACES') - 1);
  expect(LIMITS.icmpSessions).toBe(size('MAX_PROBE_SESSIONS') - 1);
});
