/** Gateway nodes as a controller tells of them: one elected, one whose key is being rotated, one that has never spoken. */
import type { GatewayOfferStatus, GatewaysStatus, GatewayStatus } from '../../src/controller/gateway-status.js';

export const FAKE_ROUTER_ID = '00112233445566778899aabbccddeeff';

export function fakeOffer(overrides: Partial<GatewayOfferStatus> = {}): GatewayOfferStatus {
  return {
    name: 'Pixel of Anna',
    families: [
      { family: 4, translation: 'masquerade', gateway: '192.0.2.50' },
      { family: 6, translation: 'masquerade', gateway: 'fe80::50' },
    ],
    capacity: { downKbps: 80_000, upKbps: 20_000 },
    preference: 0,
    metered: true,
    bytesLeft: 4_000_000_000n,
    battery: { percent: 76, charging: false },
    backhaul: [
      { family: 4, state: 'good', lossPercent: 0, rttUs: 38_000 },
      { family: 6, state: 'good', lossPercent: 0.3, rttUs: 41_000 },
    ],
    slots: { total: 1, used: 1 },
    path: [],
    ...overrides,
  };
}

export function fakeGateway(overrides: Partial<GatewayStatus> = {}): GatewayStatus {
  return {
    name: 'phone',
    id: 'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf',
    keyIds: ['0102030405060708'],
    approved: true,
    state: 'elected',
    sinceMs: 192_000,
    cause: 'IPv4: fibre down (no carrier)',
    uplink: 'gw-phone',
    interface: 'eth0',
    address: '192.0.2.50',
    lastHeardMs: 430,
    offer: fakeOffer(),
    measured: [
      { family: 4, state: 'good', lossPercent: 0, rttUs: 39_400 },
      { family: 6, state: 'unknown', lossPercent: null, rttUs: null },
    ],
    rank: 1,
    why: 'elected as active; the best of 1',
    operator: null,
    lease: { role: 'active', sinceMs: 192_000, leftMs: 12_800 },
    usage: {
      // More than 2^53: a number would lose its last digits.
      toNetworkBytes: 9_007_199_254_740_993n,
      fromNetworkBytes: 41_000_000n,
      budget: { usedBytes: 820_000_000n, limitBytes: 2_000_000_000n, per: 'month', exhausted: false },
    },
    restMs: null,
    ...overrides,
  };
}

export function fakeGateways(): GatewaysStatus {
  return {
    enabled: true,
    id: FAKE_ROUTER_ID,
    need: { active: [4, 6], standby: [], cause: 'IPv4: fibre down (no carrier)', hindrance: null },
    gateways: [
      fakeGateway(),
      fakeGateway({
        name: 'laptop',
        id: 'b0b1b2b3b4b5b6b7b8b9babbbcbdbebf',
        keyIds: ['1112131415161718', '2122232425262728'],
        state: 'resting',
        sinceMs: 8_000,
        cause: 'refused: arming failed (nft is missing)',
        uplink: null,
        address: '192.0.2.51',
        offer: fakeOffer({
          name: null,
          families: [{ family: 4, translation: 'masquerade', gateway: '192.0.2.51' }],
          capacity: { downKbps: null, upKbps: null },
          preference: 10,
          metered: false,
          bytesLeft: null,
          battery: null,
          backhaul: [{ family: 4, state: 'bad', lossPercent: 12, rttUs: 210_000 }],
          slots: null,
        }),
        measured: [],
        rank: null,
        why: 'cannot be elected: rests: refused: arming failed (nft is missing)',
        lease: null,
        usage: { toNetworkBytes: 0n, fromNetworkBytes: 0n, budget: null },
        restMs: 2_000,
      }),
      fakeGateway({
        name: 'tablet',
        id: null,
        keyIds: ['3132333435363738'],
        approved: false,
        state: 'absent',
        sinceMs: 3_600_000,
        cause: 'not heard since the start',
        uplink: null,
        interface: null,
        address: null,
        lastHeardMs: null,
        offer: null,
        measured: [],
        rank: null,
        why: 'cannot be elected: not heard',
        lease: null,
        usage: { toNetworkBytes: 0n, fromNetworkBytes: 0n, budget: null },
      }),
    ],
    unpaired: [
      {
        id: 'c0c1c2c3c4c5c6c7c8c9cacbcccdcecf',
        name: 'guest phone',
        interface: 'eth0',
        address: '192.0.2.77',
        lastHeardMs: 900,
      },
    ],
    discarded: { ttl: 3, key: 12, auth: 1 },
  };
}
