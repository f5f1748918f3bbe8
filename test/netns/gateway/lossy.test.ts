/** The real router elects and releases a real agent while the switch between them harms the messages of the protocol. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRelay, type Relay } from '../../../src/lab/relay.js';
import { lineName } from '../../../src/lab/rescue-config.js';
import { RescueRig, gatewayUplink, nodeName } from '../../../src/lab/rescue-rig.js';
import { SLOWNESS, until } from '../../helpers/poll.js';

const HARM = { lossPercent: 30, duplicatePercent: 10, reorderPercent: 20 };
/** Bad luck makes an election fail now and then: then it is tried again after a rest of 5 s, and of 10 s. */
const PATIENCE = { timeoutMs: 60_000, everyMs: 50 };
const TEST_TIMEOUT_MS = 240_000 * SLOWNESS;
const LINE = lineName(0);
const UPLINK = gatewayUplink(0);

describe('a router and a node that hear only some of what they say', () => {
  let rig: RescueRig;
  let relay: Relay | undefined;
  let found: string;

  beforeAll(async () => {
    rig = new RescueRig({ tag: `tl${process.pid}` });
    rig.writeConfig();
    rig.writeNodeConfig();
    rig.pair();
    await rig.startController();
    found = rig.lab.nodes[0]!.fingerprint();
    relay = startRelay({ namespace: rig.lab.names.lan!, interfaces: ['router', 'client', 'node0'], ...HARM });
    rig.startAgent();
  });

  afterAll(async () => {
    relay?.stop();
    await rig?.destroy();
  });

  /** Exactly this uplink carries both families. */
  const carriedBy = (uplink: string): Promise<true> =>
    until(
      async () => {
        const { body } = await rig.controller.call('GET', '/v1/groups');
        const { groups } = body as { groups: { active: string[] }[] };
        return groups.length > 0 && groups.every(({ active }) => active.join() === uplink);
      },
      { ...PATIENCE, what: `traffic on ${uplink} alone` },
    );

  const nodeIs = (state: string): Promise<true> =>
    until(
      async () => {
        const { body } = await rig.controller.call('GET', `/v1/gateways/${nodeName(0)}`);
        return (body as { state?: string }).state === state;
      },
      { ...PATIENCE, what: `${nodeName(0)} ${state}` },
    );

  it.each([1, 2, 3])(
    'elect and release, and leave the node as it was found (%i)',
    async () => {
      await carriedBy(LINE);
      await nodeIs('offered');
      const before = relay!.statistics();
      rig.lab.cutLink(0);
      await carriedBy(UPLINK);
      expect(rig.lab.nodes[0]!.fingerprint()).not.toBe(found);
      rig.lab.restoreLink(0);
      await carriedBy(LINE);
      await nodeIs('offered');
      expect(rig.lab.nodes[0]!.fingerprint()).toBe(found);
      expect(relay!.statistics().lost).toBeGreaterThan(before.lost);
    },
    TEST_TIMEOUT_MS,
  );
});
