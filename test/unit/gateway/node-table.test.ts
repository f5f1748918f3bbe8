/** The table of nodes against what it stands for: a map that is copied with each change. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NodeTable } from '../../../src/gateway/router/machine/node-table.js';
import { newEntry, type NodeEntry } from '../../../src/gateway/router/machine/state.js';

type Deed = { name: string; what: 'put' | 'remove' | 'copy' };

const deeds = fc.array(
  fc.record<Deed>({
    name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    what: fc.constantFrom('put', 'put', 'remove', 'copy'),
  }),
  { maxLength: 40 },
);

const isSame = (table: ReadonlyMap<string, NodeEntry>, map: ReadonlyMap<string, NodeEntry>): void => {
  expect([...table]).toEqual([...map]);
  expect([...table.keys()]).toEqual([...map.keys()]);
  expect([...table.values()]).toEqual([...map.values()]);
  expect(table.size).toBe(map.size);
  const seen: [string, NodeEntry][] = [];
  table.forEach((entry, name) => seen.push([name, entry]));
  expect(seen).toEqual([...map]);
  for (const name of ['a', 'b', 'c', 'd', 'e', ...map.keys()]) {
    expect(table.get(name)).toBe(map.get(name));
    expect(table.has(name)).toBe(map.has(name));
  }
};

test('it holds what a map would hold, in the same order, and what was copied from stays as it was', () => {
  fc.assert(
    fc.property(deeds, (script) => {
      const kept: { table: NodeTable; map: ReadonlyMap<string, NodeEntry> }[] = [];
      const map = new Map<string, NodeEntry>();
      let table = NodeTable.copyOf(map);
      script.forEach(({ name, what }, index) => {
        const entry = newEntry(name, null, true, index);
        if (what === 'put') {
          table.put(entry);
          map.set(name, entry);
        } else if (what === 'remove') {
          table.remove(name);
          map.delete(name);
        } else {
          kept.push({ table, map: new Map(map) });
          table = NodeTable.copyOf(table);
        }
        isSame(table, map);
      });
      for (const each of kept) isSame(each.table, each.map);
    }),
  );
});

test('it is the same with hundreds', () => {
  const map = new Map<string, NodeEntry>();
  const first = NodeTable.copyOf(map);
  const put = (table: NodeTable, name: string): void => {
    const entry = newEntry(name, null, true, map.size);
    table.put(entry);
    map.set(name, entry);
  };
  for (let index = 0; index < 100; index++) put(first, `node-${index}`);
  isSame(first, map);
  const before = new Map(map);
  const second = NodeTable.copyOf(first);
  for (const name of ['node-0', 'node-31', 'node-32', 'node-99', 'node-100']) put(second, name);
  isSame(second, map);
  second.remove('node-40');
  map.delete('node-40');
  isSame(second, map);
  isSame(first, before);
});

test('it begins with what a map holds, and leaves that alone', () => {
  const [a, b] = [newEntry('a', null, true, 0), newEntry('b', null, true, 0)];
  const map = new Map([['a', a]]);
  const table = NodeTable.copyOf(map);
  table.put(b);
  expect([...map.keys()]).toEqual(['a']);
  expect([...table.values()]).toEqual([a, b]);
});
