/** Gateway nodes with everything real: the router's process, agents' processes, the CLI that pairs them, and traffic. */
import { afterEach, describe, expect, test } from 'vitest';
import { nodeName } from '../../../src/lab/rescue-rig.js';
import type { RescueConfigOptions } from '../../../src/lab/rescue-config.js';
import type { NodePlace } from '../../../src/lab/topology.js';
import { Home, type HomeOptions } from '../../helpers/gateway/home.js';

let home: Home | undefined;

function at(options: HomeOptions): Promise<Home> {
  home = new Home(options);
  return home.start();
}

afterEach(async () => {
  await home?.destroy();
  home = undefined;
});

describe('a line that is cut and comes back', () => {
  test.each<[NodePlace, NonNullable<RescueConfigOptions['wayBack']>]>([
    ['link', 'router'],
    ['link', 'direct'],
    ['lan', 'router'],
    ['lan', 'direct'],
  ])('with a node on the %s and the way back "%s" leaves both machines as they were', async (place, wayBack) => {
    const one = await at({ tag: `${place}-${wayBack}`, nodes: [place], config: { wayBack } });
    expect(one.armed(0)).toBe(false);
    one.rig.lab.cutLink(0);
    await one.carriedBy(0);
    await one.reaches(0);
    expect(one.armed(0)).toBe(true);

    one.rig.lab.restoreLink(0);
    await one.active('line');
    await one.become(0, 'offered');
    await one.nodeAsFound(0);
    // While there is somebody to elect the router is ready for it.
    await one.rig.stopAgent(0);
    await one.routerAsFound();
    await one.rig.controller.stop();
    await one.routerAsFound();
  });
});

describe('two nodes', () => {
  test('the one of lower preference is elected; killed, the other takes over, and restarted it has nothing of its old rules', async () => {
    const two = await at({ tag: 'two', nodes: ['lan', 'lan'], preferences: [200, 100] });
    const [other, better] = [0, 1];
    // Its first offer may not say yet that its way out works.
    await two.until('the better one in front', async () => (await two.gateway(better)).rank === 1);
    two.rig.lab.cutLink(0);
    await two.carriedBy(better);
    await two.reaches(better);
    expect((await two.gateway(other)).state).toBe('offered');
    expect(two.armed(other)).toBe(false);

    two.rig.agent(better).kill('SIGKILL');
    await two.carriedBy(other);
    await two.reaches(other);

    two.rig.startAgent(better);
    await two.nodeAsFound(better);
    await two.until('it offers again', async () => ['offered', 'elected'].includes((await two.gateway(better)).state));
    two.rig.lab.restoreLink(0);
    await two.active('line');
    for (const index of [other, better]) await two.become(index, 'offered');
    await two.nodeAsFound(better);
    expect(two.armed(other)).toBe(false);
  });
});

describe('decisions by hand', () => {
  test('with "approval: manual" nobody is elected who is not approved', async () => {
    const manual = await at({ tag: 'manual', config: { extra: '  approval: manual\n' } });
    manual.rig.lab.cutLink(0);
    await manual.until('a need', async () => (await manual.need()).length === 2);
    expect(await manual.gateway()).toMatchObject({ state: 'offered', approved: false, rank: null });
    expect((await manual.gateway()).why).toContain('approve');
    expect(manual.armed(0)).toBe(false);

    expect(manual.rig.detour(['gateways', 'approve', nodeName(0), '--socket', manual.rig.socket])).toContain(
      'is approved',
    );
    await manual.carriedBy(0);
    await manual.reaches(0);
    expect((await manual.gateway()).approved).toBe(true);
  });

  test('elect without a need, release in spite of one (the only path goes on until there is another), and "auto" after each', async () => {
    const hand = await at({ tag: 'hand' });
    expect(await hand.byHand('elect')).toBe(200);
    await hand.become(0, 'elected');
    expect(hand.armed(0)).toBe(true);
    await hand.active('line');
    expect(await hand.byHand('auto')).toBe(200);
    await hand.become(0, 'offered');
    await hand.until('it is disarmed', () => !hand.armed(0));

    hand.rig.lab.cutLink(0);
    await hand.carriedBy(0);
    expect(await hand.byHand('release')).toBe(200);
    await hand.become(0, 'leaving');
    await hand.reaches(0);
    hand.rig.lab.restoreLink(0);
    await hand.become(0, 'offered');
    await hand.nodeAsFound(0);

    hand.rig.lab.cutLink(0);
    await hand.until('a need', async () => (await hand.need()).length === 2);
    expect(await hand.gateway()).toMatchObject({ state: 'offered', rank: null });
    expect(hand.armed(0)).toBe(false);
    expect(await hand.byHand('auto')).toBe(200);
    await hand.carriedBy(0);
    await hand.reaches(0);
  });
});

describe('while a node is elected', () => {
  test('its key is rotated, and nothing changes but the key', async () => {
    const elected = await at({ tag: 'rotate' });
    const { rig } = elected;
    rig.lab.cutLink(0);
    await elected.carriedBy(0);
    const before = { changes: await elected.changes(), keys: (await elected.gateway()).keyIds };
    expect(before.keys).toHaveLength(1);

    const lost = await elected.lossDuring(async () => {
      const line = rig.detour(['gateways', 'rotate', nodeName(0), '--config', rig.configFile, '--socket', rig.socket]);
      rig.detour(['gateway', 'join', '--config', rig.nodeConfigFile(0)], line);
      await elected.until('only the new key', async () => {
        const { keyIds: keys } = await elected.gateway();
        return keys.length === 1 && keys[0] !== before.keys[0];
      });
    });
    expect(lost, elected.log).toEqual([[], []]);
    expect(await elected.changes()).toEqual(before.changes);
    expect((await elected.gateway()).state).toBe('elected');
  });

  test('the router is killed and comes back within the lease: it keeps the node, and nothing is lost', async () => {
    const survivor = await at({ tag: 'restart', config: { extra: '  lease_ms: 60000\n' } });
    const { rig } = survivor;
    rig.lab.cutLink(0);
    await survivor.carriedBy(0);
    const lost = await survivor.lossDuring(async () => {
      rig.controller.kill('SIGKILL');
      await rig.controller.exited();
      expect(survivor.armed(0)).toBe(true);
      await survivor.reaches(0);
      await rig.startController();
      await survivor.become(0, 'elected');
      await survivor.carriedBy(0);
    });
    expect(lost).toEqual([[], []]);
    expect(await survivor.changes()).not.toContainEqual(
      expect.stringMatching(/> (electing|leaving|releasing|resting)$/),
    );
    expect(survivor.armed(0)).toBe(true);
    await survivor.reaches(0);
  });
});
