/** The layers of ARCHITECTURE.md: which directory may import which. A picture that is checked stays true. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = 'src';

/** layer -> layers it may import; `type:` allows only `import type`. A layer may always import itself. */
const allowed: Record<string, string[]> = {
  net: [],
  'errors.ts': [],
  'native.ts': [],
  abi: [],
  libbpf: [],
  engine: ['net'],
  config: ['net', 'errors.ts'],
  kernel: ['net', 'native.ts', 'errors.ts', 'type:controller', 'type:config'],
  health: ['net', 'native.ts', 'abi', 'errors.ts', 'config', 'type:controller', 'type:engine'],
  dataplane: ['net', 'libbpf', 'native.ts', 'abi', 'errors.ts', 'type:controller', 'type:config'],
  gateway: ['net', 'native.ts', 'errors.ts', 'type:controller', 'type:config'],
  controller: ['net', 'engine', 'config', 'errors.ts'],
  api: ['net', 'errors.ts', 'type:controller', 'type:engine', 'type:config'],
  cli: ['*'],
  lab: ['*'],
  bench: ['*'],
  'system-clock.ts': ['type:controller'],
  'privileges.ts': ['errors.ts'],
  'instance-lock.ts': ['native.ts', 'errors.ts'],
  'main.ts': ['*'],
};

/** Packages that belong to one layer only. */
const packageOwners: Record<string, string[]> = {
  'ffi-napi': ['libbpf'],
  'ref-napi': ['libbpf'],
  fastify: ['api'],
  '@fastify/swagger': ['api'],
  'prom-client': ['api'],
  yaml: ['config'],
  commander: ['cli'],
};

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

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const statements = text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)';/gm);
  return [...statements].map(([, typeOnly, target]) => ({
    file,
    layer: layerOf(file),
    target: target ?? '',
    typeOnly: typeOnly !== undefined,
  }));
}

const imports = sources(root).flatMap(importsOf);

function complaint({ file, layer, target, typeOnly }: Import): string | null {
  if (!target.startsWith('.')) {
    const owners = packageOwners[target.startsWith('@') ? target : (target.split('/')[0] ?? '')];
    return owners && !owners.includes(layer) && !allowed[layer]?.includes('*')
      ? `${file} imports package ${target}`
      : null;
  }
  const other = layerOf(normalize(join(dirname(file), target)).replace(/\.js$/, '.ts'));
  if (other === layer) return null;
  const rules = allowed[layer];
  if (!rules) return `${file}: layer ${layer} is not in the table`;
  if (rules.includes('*') || rules.includes(other) || (typeOnly && rules.includes(`type:${other}`))) return null;
  return `${file} imports ${typeOnly ? 'types of ' : ''}${other}`;
}

describe('import directions', () => {
  it('finds imports at all', () => {
    expect(imports.length).toBeGreaterThan(50);
  });

  it('go only where ARCHITECTURE.md says', () => {
    expect(imports.map(complaint).filter((text) => text !== null)).toEqual([]);
  });

  it('are noticed when they do not', () => {
    const wrong = { file: 'src/engine/step.ts', layer: 'engine', target: '../kernel/index.js', typeOnly: false };
    expect(complaint(wrong)).toBe('src/engine/step.ts imports kernel');
    expect(complaint({ ...wrong, target: 'ffi-napi' })).toBe('src/engine/step.ts imports package ffi-napi');
    expect(complaint({ ...wrong, file: 'src/api/x.ts', layer: 'api', target: '../controller/x.js' })).toContain(
      'controller',
    );
  });
});
