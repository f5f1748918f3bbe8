import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { presentGateways, type GatewayListResource } from '../../src/api/resources/gateway.js';
import { renderGateway, renderGateways } from '../../src/cli/views/gateways.js';
import { renderRouters } from '../../src/cli/views/routers.js';
import type { GatewaysStatus } from '../../src/controller/gateway-status.js';
import { FakeClock } from '../helpers/fake-service.js';
import { fakeGateway, fakeGateways, fakeOffer } from '../helpers/fake-gateways.js';

const plain = { width: 80, color: false };
const present = (overrides: Partial<GatewaysStatus> = {}): GatewayListResource =>
  presentGateways({ ...fakeGateways(), ...overrides }, new FakeClock());
const only = (...parameters: Parameters<typeof fakeGateway>): GatewayListResource =>
  present({ gateways: [fakeGateway(...parameters)], unpaired: [], discarded: {} });

describe('the list of gateway nodes', () => {
  test('says what is needed, then the nodes, then why, in 80 characters', () => {
    expect(`\n${renderGateways(present(), plain).join('\n')}\n`).toMatchInlineSnapshot(`
      "
      ! a gateway node is needed for IPv4 and IPv6: IPv4: fibre down (no carrier)

      NODE    STATE    WHERE       IP     MBIT/S  COST           BATT  MEASURED  LEASE
      phone   elected  192.0.2.50  v4 v6   80/20  metered 41 %   76 %   39.4 ms   12 s
      laptop  resting  192.0.2.51  v4          -  free          mains         -      -
      tablet  absent   -           -           -  -                 -         -      -

      phone: elected as active; the best of 1
      laptop: cannot be elected: rests: refused: arming failed (nft is missing); rests
        for 2 s more
      tablet: cannot be elected: not heard

      not paired, never elected: "guest phone" at 192.0.2.77 on eth0

      messages discarded: ttl 3, key 12, auth 1
      "
    `);
  });

  test('is never wider than the terminal, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.integer({ min: 75, max: 160 }), (text, width) => {
        const list = present({
          gateways: [fakeGateway({ address: text, why: text, cause: text, offer: fakeOffer({ name: text }) })],
          unpaired: [{ ...fakeGateways().unpaired[0]!, name: text }],
        });
        const lines = [
          ...renderGateways(list, { width, color: false }),
          ...renderGateway(list.gateways[0]!, { width, color: false }),
        ];
        for (const line of lines) {
          expect([...line].length).toBeLessThanOrEqual(width);
          expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        }
      }),
    );
  });

  test('tells a warm node, a used-up budget, a bad path, a charging battery and a decision by hand', () => {
    const budget = { usedBytes: 2n, limitBytes: 2n, per: 'day' as const, exhausted: true };
    const list = only({
      lease: { role: 'standby', sinceMs: 5, leftMs: 9000 },
      usage: { toNetworkBytes: 0n, fromNetworkBytes: 0n, budget },
      measured: [{ family: 4, state: 'bad', lossPercent: 100, rttUs: null }],
      offer: fakeOffer({ battery: { percent: 20, charging: true } }),
      operator: 'elect',
    });
    const text = renderGateways(list, plain).join('\n');
    expect(text).toMatch(/^phone +standby +192\.0\.2\.50 +v4 v6 +80\/20 +used up +20 %\+ +bad +9 s$/m);
    expect(text.replace(/\n {2}/g, ' ')).toContain('(by hand: elect; "detour gateways auto" ends that)');
    expect(renderGateway(list.gateways[0]!, plain).join('\n')).toContain('2 B of 2 B this day: used up, not elected');
  });

  test('shows what is measured of a node that is leaving, although its path is not judged any more', () => {
    const measured = [{ family: 4 as const, state: 'unknown' as const, lossPercent: 0, rttUs: 39_400 }];
    const list = present({ gateways: [fakeGateway({ state: 'leaving', measured })] });
    expect(renderGateways(list, plain).join('\n')).toMatch(/^phone +leaving .* 39\.4 ms +12 s$/m);
    expect(renderGateway(list.gateways[0]!, plain).join('\n')).toMatch(
      /measured IPv4: not judged now, loss 0 %, latency/,
    );
  });

  test('says so when nothing is needed, nobody is paired, or the whole of it is off', () => {
    const need = { active: [], standby: [], cause: '', hindrance: null };
    expect(renderGateways(present({ gateways: [], unpaired: [], discarded: { ttl: 0 }, need }), plain)).toEqual([
      'no gateway node is needed now',
      '',
      'no node is paired: detour gateways pair NAME',
    ]);
    expect(renderGateways(present({ need: { ...need, standby: [6] } }), plain)[0]).toBe(
      'a gateway node is kept warm for IPv6',
    );
    expect(
      renderGateways(
        present({ need: { ...need, active: [4], cause: 'no carrier', hindrance: 'nft is missing' } }),
        plain,
      ),
    ).toEqual(
      expect.arrayContaining([
        '! a gateway node is needed for IPv4: no carrier',
        '! none is elected, for this router could not use it: nft is missing',
      ]),
    );
    expect(renderGateways(present({ enabled: false }), plain)).toEqual([
      'gateway nodes are not used: the configuration has no "gateways" section',
    ]);
  });
});

test('one node that has never spoken, or whose key is being rotated, is told as that', () => {
  const [, laptop, tablet] = present().gateways;
  const text = (gateway: typeof laptop): string => renderGateway(gateway!, { width: 200, color: false }).join('\n');
  expect(text(tablet)).toContain('not heard since the start; id not known: it has never spoken');
  expect(text(tablet)).toContain('not approved (counts with "approval: manual"); key 3132333435363738');
  expect(text(laptop)).toContain(
    'keys 1112131415161718 and 2122232425262728: the second is new, and the node has not used it yet',
  );
});

test('the routers of a node have their ids, and both keys while one is being rotated', () => {
  expect(renderRouters([], plain)).toEqual(['paired with no router: detour gateway join']);
  const keys = [
    { id: 'aaaaaaaaaaaaaaaa', created: '2026-01-02T03:04:05.000Z' },
    { id: 'bbbbbbbbbbbbbbbb', created: '2026-01-03T03:04:05.000Z' },
  ];
  const [, row] = renderRouters([{ name: 'home', id: 'f'.repeat(32), keys }], { width: 200, color: false });
  expect(row).toMatch(/^home {4}f{32} {2}a{16} -> b{16} {2}2026-01-0\d/);
});
