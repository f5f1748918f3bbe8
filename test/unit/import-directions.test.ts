/** The layers of ARCHITECTURE.md: which directory may import which. A picture that is checked stays true. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tableRows } from '../helpers/markdown.js';

const root = 'src';
const ANYTHING = '*';

interface Layer {
  /** Layers of which values may be imported; ANYTHING: all, and every package. A layer may always import itself. */
  values: string[];
  /** Layers of which only types may be imported. */
  types: string[];
  /** Packages, and "node:" for Node's own modules. */
  packages: string[];
}

/** What is written in a cell as `code`. */
const names = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);

/** layer -> what it may import, as the table in ARCHITECTURE.md says. */
function layersOf(markdown: string): Map<string, Layer> {
  const rows = tableRows(markdown, ['layer', 'may import', 'packages']);
  return new Map(
    rows.flatMap(([layers = '', may = '', packages = '']) => {
      const [values = '', types = ''] = may.split('types of');
      const layer: Layer = {
        values: values === 'anything' ? [ANYTHING] : names(values),
        types: names(types),
        packages: names(packages),
      };
      return names(layers).map((name) => [name, layer] as const);
    }),
  );
}

const allowed = layersOf(readFileSync('ARCHITECTURE.md', 'utf8'));

interface Import {
  file: string;
  layer: string;
  target: string;
  typeOnly: boolean;
}

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return sources(path);
    return path.endsWith('.ts') && !path.endsWith('.d.ts') ? [path] : [];
  });
}

const layerOf = (file: string): string => relative(root, file).split('/')[0] ?? '';

/** `import … from`, `export … from` and `import '…'`, over several lines, too. */
const STATEMENT = /^(?:import|export)\s+(type\s)?(?:[^'"`;]*?\bfrom\s+)?['"]([^'"]+)['"]/gm;
/** `await import('…')`, `require('…')`, and types written as `typeof import('…')`, which count as values. */
const CALL = /\b(?:import|require)\(\s*()['"]([^'"]+)['"]/g;

function importsOf(file: string, text: string): Import[] {
  return [STATEMENT, CALL].flatMap((pattern) =>
    [...text.matchAll(pattern)].map(([, typeOnly, target]) => ({
      file,
      layer: layerOf(file),
      target: target!,
      typeOnly: Boolean(typeOnly),
    })),
  );
}

/** "fastify" of "fastify/x", "@a/b" of "@a/b/c", "node:" of "node:fs". */
function packageOf(target: string): string {
  if (target.startsWith('node:')) return 'node:';
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}

function complaint({ file, layer, target, typeOnly }: Import): string | null {
  const rules = allowed.get(layer);
  if (!rules) return `${file}: layer ${layer} is not in the table`;
  if (rules.values.includes(ANYTHING)) return null;
  if (!target.startsWith('.')) {
    return rules.packages.includes(packageOf(target)) ? null : `${file} imports package ${target}`;
  }
  const other = layerOf(normalize(join(dirname(file), target)).replace(/\.js$/, '.ts'));
  if (other === layer || rules.values.includes(other) || (typeOnly && rules.types.includes(other))) return null;
  return `${file} imports ${typeOnly ? 'types of ' : ''}${other}`;
}

const complaintsAbout = (file: string, text: string): string[] =>
  importsOf(file, text)
    .map(complaint)
    .filter((found) => found !== null);

describe('import directions', () => {
  const files = sources(root);

  it('go only where ARCHITECTURE.md says', () => {
    expect(files.flatMap((file) => complaintsAbout(file, readFileSync(file, 'utf8')))).toEqual([]);
  });

  it('are given for every layer that exists, and for no other', () => {
    expect([...allowed.keys()].sort()).toEqual([...new Set(files.map(layerOf))].sort());
    const known = new Set(allowed.keys());
    const meant = [...allowed.values()].flatMap(({ values, types }) => [...values, ...types]);
    expect(meant.filter((name) => name !== ANYTHING && !known.has(name))).toEqual([]);
  });

  it.each([
    ['a value', "import { x } from '../kernel/index.js';", 'src/engine/step.ts imports kernel'],
    ['a type', "import type { X } from '../kernel/index.js';", 'src/engine/step.ts imports types of kernel'],
    ['several lines', "import {\n  x,\n} from '../kernel/index.js';", 'src/engine/step.ts imports kernel'],
    ['its effects', "import '../kernel/index.js';", 'src/engine/step.ts imports kernel'],
    ['an export', "export { x } from '../kernel/index.js';", 'src/engine/step.ts imports kernel'],
    ['an export of all', "export * from '../kernel/index.js';", 'src/engine/step.ts imports kernel'],
    ['a call', "const x = await import('../kernel/index.js');", 'src/engine/step.ts imports kernel'],
    ['a package', "import x from 'ffi-napi';", 'src/engine/step.ts imports package ffi-napi'],
    ['a module of Node', "import { x } from 'node:fs';", 'src/engine/step.ts imports package node:fs'],
  ])('are noticed when they do not: %s', (_, text, expected) => {
    expect(complaintsAbout('src/engine/step.ts', `${text}\n`)).toEqual([expected]);
  });

  it('let types go where only types may', () => {
    const from = (keyword: string): string[] =>
      complaintsAbout('src/api/x.ts', `${keyword} { X } from '../engine/x.js';`);
    expect(from('import type')).toEqual([]);
    expect(from('export type')).toEqual([]);
    expect(from('import')).toEqual(['src/api/x.ts imports engine']);
  });
});
