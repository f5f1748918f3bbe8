/** Whose program is on a port that is found occupied. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { unloadDataplane } from '../../src/dataplane/index.js';
import { BpfObject, queryXdp } from '../../src/libbpf/index.js';
import { compileBpf } from '../helpers/compile-bpf.js';
import { intent, openPlane, useDataplaneWorld, world } from '../helpers/dataplane.js';
import { ifindexOf } from '../helpers/own-netns.js';

useDataplaneWorld();

const FOREIGN = 'SEC("xdp") int theirs(struct xdp_md *context) { return XDP_PASS; }\n';

test('the program that an earlier run left under another pin path is detached, and the new one attached', async () => {
  const elsewhere = join(world.pinPath, '..', `earlier-${process.pid}`);
  try {
    const earlier = openPlane({ pinPath: elsewhere });
    await earlier.apply(intent());
    await earlier.close({ keep: true });
    const old = queryXdp(ifindexOf('dt0')).native;
    const { ports, problems } = await openPlane().apply(intent());
    expect(problems).toEqual([]);
    expect(ports.map(({ xdp, reason }) => [xdp, reason])).toEqual([
      ['native', null],
      ['native', null],
    ]);
    expect(queryXdp(ifindexOf('dt0')).native).not.toBe(old);
    // The dead links of the earlier run are no obstacle to it, either.
    unloadDataplane(elsewhere);
    expect(queryXdp(ifindexOf('dt0')).mode).toBe('native');
  } finally {
    unloadDataplane(elsewhere);
  }
});

test("somebody else's program stays, is named, and nobody says that the stack forwards", async () => {
  const compiled = compileBpf(FOREIGN);
  const object = BpfObject.open(compiled.path).load();
  const link = object.program('theirs').attachXdp(ifindexOf('dt0'), { mode: 'native' });
  try {
    const { native } = queryXdp(ifindexOf('dt0'));
    const { ports, problems } = await openPlane().apply(intent());
    const said = `dt0: the XDP program "theirs" (id ${native}) of somebody else is attached, what it does with packets is not known`;
    expect(problems).toEqual([expect.stringContaining(said)]);
    expect(ports[0]).toMatchObject({ xdp: 'none', reason: expect.stringContaining(said) });
    expect(ports[0]?.reason).not.toContain('stack');
    expect(queryXdp(ifindexOf('dt0')).native).toBe(native);
  } finally {
    link.close();
    object.close();
    compiled.remove();
  }
});
