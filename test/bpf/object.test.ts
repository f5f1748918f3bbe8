/**
 * The object as user space sees it: types for the generator, map shapes as abi.h lists them; and that every object of
 * the build loads.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { enumNames, OBJECT_PATH, TestRouter } from '../helpers/bpf/test-router.js';
import { BpfObject, MapType } from '../../src/libbpf/index.js';

const ABI_H = readFileSync(new URL('../../bpf/abi.h', import.meta.url), 'utf8');
const BPF_F_MMAPABLE = 1 << 10;
/** A quarter of what any kernel accepts, and a guard against a change that makes loading slow. */
const VERIFIED_INSTRUCTIONS_LIMIT = 250_000;

function namesIn(pattern: RegExp): string[] {
  return [...ABI_H.matchAll(pattern)].map((match) => match[1] as string);
}

describe('the object', () => {
  const spec = BpfObject.open(OBJECT_PATH);
  const { btf } = spec;
  afterAll(() => spec.close());

  it('has every structure and every enum of abi.h in its BTF', () => {
    const inBtf = new Set(btf?.types.filter((type) => ['struct', 'enum'].includes(type.kind)).map((type) => type.name));
    const declared = namesIn(/^(?:struct|enum) (\w+) \{/gm);
    expect(declared.length).toBeGreaterThan(20);
    expect(declared.filter((name) => !inBtf.has(name))).toEqual([]);
  });

  it('has the sizes that abi.h asserts', () => {
    for (const [, name, bytes] of ABI_H.matchAll(/_Static_assert\(sizeof\(struct (\w+)\) == (\d+)/g)) {
      const type = btf?.types.find((each) => each.kind === 'struct' && each.name === name);
      expect([name, type?.kind === 'struct' && type.size]).toEqual([name, Number(bytes)]);
    }
  });

  it('numbers every reason within its range, and none twice', () => {
    const values = namesIn(/^\tREASON_\w+ = (\d+)/gm).map(Number);
    expect(new Set(values).size).toBe(values.length);
    expect(Math.max(...values)).toBeLessThan(64);
    if (!btf) throw new Error('no BTF');
    expect([...enumNames(btf, 'detour_reason', 'REASON_').keys()].sort()).toEqual([...values].sort());
  });

  it('has the maps that abi.h lists, of their types', () => {
    const listed = ABI_H.slice(ABI_H.indexOf(' * Maps (')).matchAll(
      /^ \* {3}([a-z]\w+(?:, \w+)*) +([A-Z]+(?:_[A-Z]+)*)( mmap)?/gm,
    );
    const maps = [...listed].flatMap(([, names, type, mmap]) =>
      (names as string).split(', ').map((name) => ({ name, type: type as keyof typeof MapType, mmap: Boolean(mmap) })),
    );
    expect(maps.map((map) => map.name).sort()).toEqual(spec.mapNames.filter((name) => !name.startsWith('.')).sort());
    for (const { name, type, mmap } of maps) {
      const definition = spec.mapDefinition(name);
      expect([name, definition.type]).toEqual([name, MapType[type]]);
      expect([name, (definition.mapFlags & BPF_F_MMAPABLE) !== 0]).toEqual([name, mmap]);
    }
  });
});

describe.each(['detour_xdp', 'detour_xdp_frags'] as const)('%s', (program) => {
  it('is accepted with room to spare', () => {
    const router = new TestRouter(program);
    try {
      const { fd } = router.object.program(program);
      const verified = /^verified_insns:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'));
      expect(Number(verified?.[1])).toBeGreaterThan(0);
      expect(Number(verified?.[1])).toBeLessThan(VERIFIED_INSTRUCTIONS_LIMIT);
    } finally {
      router.close();
    }
  });
});

describe('every object of the build', () => {
  const directory = dirname(OBJECT_PATH);
  const endingWith = (path: string | URL, ending: string): string[] =>
    readdirSync(path)
      .filter((name) => name.endsWith(ending))
      .map((name) => basename(name, ending))
      .sort();
  const sources = endingWith(new URL('../../bpf/', import.meta.url), '.bpf.c');

  it('has a source, and every source was built', () => {
    expect(sources).toContain('detour');
    expect(endingWith(directory, '.bpf.o')).toEqual(sources);
  });

  // With the maps' own sizes, and one program at a time: a devmap does not serve programs with and without frags.
  it.each(sources)('is accepted by this kernel, each of its programs: %s', (name) => {
    const path = join(directory, `${name}.bpf.o`);
    const all = BpfObject.open(path);
    const { programNames } = all;
    all.close();
    expect(programNames.length).toBeGreaterThan(0);
    for (const program of programNames) {
      const object = BpfObject.open(path).selectPrograms([program]).load();
      expect(object.program(program).fd).toBeGreaterThan(2);
      object.close();
    }
  });
});
