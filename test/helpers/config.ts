/** Configurations for tests, from YAML text. */
import { expect, test } from 'vitest';
import { formatProblem, parseConfig, type Config } from '../../src/config/index.js';
import type { TokenFile } from '../../src/config/resolving.js';

const FILE = 'home.yaml';

/** @throws Error with all problems: a test that means to be valid says what is wrong with it */
export function configOf(text: string, readTokenFile?: (path: string) => TokenFile): Config {
  const result = parseConfig(text, FILE, readTokenFile ? { readTokenFile } : {});
  if ('errors' in result) throw new Error(result.errors.map(formatProblem).join('\n'));
  return result.config;
}

/** The lines that `detour check` prints, without the file's name. */
export function problemsOf(text: string, readTokenFile?: (path: string) => TokenFile): string[] {
  const result = parseConfig(text, FILE, readTokenFile ? { readTokenFile } : {});
  return 'errors' in result ? result.errors.map((problem) => formatProblem(problem).replace(`${FILE}:`, '')) : [];
}

/** One uplink on eth1 with more lines; the first of them is line 4, at column 5. */
export const uplinkYaml = (...lines: string[]): string =>
  ['uplinks:', '  a:', '    interface: eth1', ...lines.map((line) => `    ${line}`), ''].join('\n');

/** Two plain uplinks, a and b, in line 1; `text` begins in line 2. */
export const withUplinks = (text: string): string => `uplinks: {a: {interface: eth1}, b: {interface: eth2}}\n${text}\n`;

export type ProblemRow = [description: string, yaml: string, ...problems: string[]];

/** A test for each row: exactly these problems. */
export function checkProblems(rows: ProblemRow[]): void {
  for (const [description, yaml, ...problems] of rows) {
    test(description, () => {
      expect(problemsOf(yaml)).toEqual(problems);
    });
  }
}
