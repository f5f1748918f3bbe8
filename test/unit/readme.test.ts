/** What README.md says of the program is what the program has. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { REASON_NAMES } from '../../src/abi/index.js';
import { configOf } from '../helpers/config.js';
import { tableRows } from '../helpers/markdown.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = (name: string): string => readFileSync(`${root}${name}`, 'utf8');
const readme = text('README.md');

/** Verdicts by the name of the reason, read off the switch in bpf/reason.h; what is not there is passed. */
function verdicts(): Map<string, string> {
  const result = new Map<string, string>();
  for (const [, cases, verdict] of text('bpf/reason.h').matchAll(/((?:\tcase REASON_\w+:\n)+)\t+return XDP_(\w+);/g))
    for (const [, name] of cases!.matchAll(/REASON_(\w+)/g))
      result.set(name!.toLowerCase().replaceAll('_', '-'), verdict!);
  return result;
}

/** No packet has these as its only reason. */
const COUNTED_IN_ADDITION = ['event-lost', 'rerouted'];

test('the table of reasons has every number, name and verdict of the data plane', () => {
  const known = verdicts();
  expect(known.size).toBeGreaterThan(0);
  const verdictOf = (number: number, name: string): string => {
    if (number === 0) return '-';
    return COUNTED_IN_ADDITION.includes(name) ? 'also' : (known.get(name) ?? 'PASS');
  };
  const rows = tableRows(readme, ['number', 'name', 'verdict', 'meaning']);
  expect(rows.map(([number, name, verdict]) => [Number(number), name, verdict])).toEqual(
    [...REASON_NAMES].map(([number, name]) => [number, `\`${name}\``, verdictOf(number, name)]),
  );
});

test('the most used keys have the defaults of docs/config.md', () => {
  const documented = new Map(
    tableRows(text('docs/config.md'), ['field', 'unit', 'default']).map(([field, , value]) => [field, value]),
  );
  for (const [key, value] of tableRows(readme, ['key', 'default', 'meaning'])) {
    expect.soft(documented.get(key), key).toBe(value);
  }
});

test('the configuration of the quick start is right, and as short as promised', () => {
  const yaml = /```yaml\n([\s\S]*?)```/.exec(readme)![1]!;
  expect(yaml.trim().split('\n')).toHaveLength(10);
  expect(configOf(yaml).uplinks.map(({ name }) => name)).toEqual(['fibre', 'lte']);
});

test('the samples of health, status and metrics are of one moment', () => {
  const health = JSON.parse(/^\{"run".*$/m.exec(readme)![0]) as { status: string; problems: string[] };
  const dead = [...readme.matchAll(/^detour_path_alive\{uplink="(\w+)",family="(\d)"\} 0$/gm)];
  expect(dead.length).toBeGreaterThan(0);
  for (const [, uplink, family] of dead) {
    expect(health.problems).toContainEqual(expect.stringContaining(`${uplink} IPv${family} is down: `));
    expect(readme).toMatch(new RegExp(`^${uplink} +v${family} +down `, 'm'));
  }
  expect(readme).toContain(`detour: ${health.status}, active`);
});

test('every make target that is named exists', () => {
  const makefile = text('Makefile');
  const targets = [...readme.matchAll(/\bmake ([a-z][a-z-]*)/g)].map(([, target]) => target!);
  const commands = targets.filter((target) => new RegExp(`^${target}:`, 'm').test(makefile));
  const told = ['build', 'install', 'uninstall', 'demo', 'test', 'run', 'test-unit', 'test-vm', 'bench'];
  expect(new Set(commands)).toEqual(new Set(told));
});

test('every link leads to a file, and every anchor to a heading', () => {
  for (const [, target] of readme.matchAll(/\]\(([^)]+)\)/g)) {
    const [file, anchor] = target!.split('#');
    expect.soft(file === '' || existsSync(`${root}${file}`), target).toBe(true);
    if (anchor === undefined) continue;
    const headings = [...text(file === '' ? 'README.md' : file!).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading!.toLowerCase().replaceAll(' ', '-'),
    );
    expect.soft(headings, target).toContain(anchor);
  }
});
