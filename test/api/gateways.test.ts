import { expect, test } from 'vitest';
import { useApi } from '../helpers/api.js';
import { fakeGateway } from '../helpers/fake-gateways.js';

const makeApi = useApi();

const off = {
  enabled: false,
  id: '',
  need: { active: [], standby: [], cause: '', hindrance: null },
  gateways: [],
  unpaired: [],
  discarded: {},
};

test('the list says what is needed, who is elected and why, and whom nobody knows', async () => {
  const { app } = makeApi();
  const list = (await app.inject('/v1/gateways')).json();
  expect(list).toMatchObject({
    enabled: true,
    need: { active: [4, 6], standby: [], cause: 'IPv4: fibre down (no carrier)', hindrance: null },
    gateways: [
      { name: 'phone', state: 'elected', uplink: 'gw-phone', rank: 1, lease: { role: 'active', leftMs: 12_800 } },
      { name: 'laptop', state: 'resting', keyIds: ['1112131415161718', '2122232425262728'], restMs: 2000 },
      { name: 'tablet', id: null, state: 'absent', address: null, offer: null, approved: false },
    ],
    unpaired: [{ name: 'guest phone', address: '192.0.2.77' }],
    discarded: { ttl: 3, key: 12, auth: 1 },
  });
  expect(list.gateways[0].why).toBe('elected as active; the best of 1');
});

test('times are of the wall clock, and counters keep all their digits', async () => {
  const { app } = makeApi();
  const phone = (await app.inject('/v1/gateways/phone')).json();
  expect(phone).toMatchObject({
    since: '2026-01-02T03:00:53.000Z',
    stateForMs: 192_000,
    lease: { since: '2026-01-02T03:00:53.000Z' },
    offer: { bytesLeft: '4000000000', battery: { percent: 76, charging: false } },
    usage: { toNetworkBytes: '9007199254740993', budget: { usedBytes: '820000000', limitBytes: '2000000000' } },
  });
  expect((await app.inject('/v1/gateways/laptop')).json()).toMatchObject({
    offer: { bytesLeft: null, battery: null, capacity: { downKbps: null } },
    usage: { budget: null },
  });
});

test('commands by hand reach the controller with who asked, and answer with the node', async () => {
  const { app, service } = makeApi();
  const post = async (path: string) => (await app.inject({ method: 'POST', url: `/v1/gateways/${path}` })).json();
  expect(await post('tablet/approve')).toMatchObject({ name: 'tablet', approved: true });
  expect(await post('laptop/elect')).toMatchObject({ name: 'laptop', operator: 'elect' });
  expect(await post('phone/release')).toMatchObject({ name: 'phone', operator: 'release' });
  expect(await post('phone/auto')).toMatchObject({ name: 'phone', operator: null });
  const left = (await app.inject({ method: 'DELETE', url: '/v1/gateways/phone' })).json();
  expect(left.gateways.map(({ name }: { name: string }) => name)).toEqual(['laptop', 'tablet']);
  expect(service.commands).toEqual(
    ['approve tablet', 'elect laptop', 'release phone', 'auto phone', 'revoke phone'].map((what) =>
      expect.stringMatching(new RegExp(`^${what} by api \\(`)),
    ),
  );
});

test('a reload reads the pairings again, and is no name of a node', async () => {
  const { app, service } = makeApi();
  service.gatewaysStatus.gateways.push(fakeGateway({ name: 'reload' }));
  expect((await app.inject({ method: 'POST', url: '/v1/gateways/reload' })).json().gateways).toHaveLength(4);
  expect(service.pairingReloads).toBe(1);
  expect((await app.inject('/v1/gateways/reload')).json()).toMatchObject({ name: 'reload' });
  expect((await app.inject({ method: 'POST', url: '/v1/gateways/reload/auto' })).json()).toMatchObject({
    name: 'reload',
  });
  expect(service.pairingReloads).toBe(1);
});

test.each([
  ['GET', '/v1/gateways/none', 404, 'GATEWAY_UNKNOWN', 'no gateway named "none"; paired: phone, laptop, tablet'],
  ['POST', '/v1/gateways/none/elect', 404, 'GATEWAY_UNKNOWN', 'no gateway named "none"'],
  ['DELETE', '/v1/gateways/..%2f..%2fetc', 404, 'GATEWAY_UNKNOWN', 'no gateway named "../../etc"'],
  ['DELETE', '/v1/gateways', 405, 'METHOD_NOT_ALLOWED', 'only GET'],
  ['POST', '/v1/gateways/phone', 405, 'METHOD_NOT_ALLOWED', 'only DELETE, GET'],
] as const)('%s %s is a problem: %d %s', async (method, url, status, code, detail) => {
  const { app } = makeApi();
  const answer = await app.inject({ method, url });
  expect(answer.statusCode).toBe(status);
  expect(answer.json()).toMatchObject({ code, detail: expect.stringContaining(detail) });
});

test('without gateways in the configuration the list says so, and every command is refused with that', async () => {
  const { app, service } = makeApi();
  service.gatewaysStatus = { ...off };
  expect((await app.inject('/v1/gateways')).json()).toEqual(off);
  for (const [method, url] of [
    ['GET', '/v1/gateways/phone'],
    ['POST', '/v1/gateways/phone/elect'],
    ['POST', '/v1/gateways/reload'],
    ['DELETE', '/v1/gateways/phone'],
  ] as const) {
    const answer = await app.inject({ method, url });
    expect([answer.statusCode, answer.json().code], url).toEqual([409, 'GATEWAYS_OFF']);
  }
  const metrics = (await app.inject('/metrics')).body;
  expect(metrics).not.toContain('detour_gateway');
});

test('metrics have base units, one series a state, and nothing where nothing is known', async () => {
  const { app, service } = makeApi();
  service.parts = {
    gatewayElections: 7,
    gatewaySent: 1234,
    gatewayReceived: 99,
    gatewayAccepted: 83,
    gatewaySendErrors: 0,
  };
  const lines = (await app.inject('/metrics')).body.split('\n');
  expect(lines.filter((line) => line.startsWith('detour_gateway_state{gateway="phone"'))).toHaveLength(7);
  expect(lines).toEqual(
    expect.arrayContaining([
      'detour_gateway_state{gateway="phone",state="elected"} 1',
      'detour_gateway_state{gateway="laptop",state="resting"} 1',
      'detour_gateway_needed{family="4",role="active"} 1',
      'detour_gateway_needed{family="4",role="standby"} 0',
      'detour_gateway_lease_seconds{gateway="phone",role="active"} 12.8',
      'detour_gateway_lease_bytes{gateway="phone",direction="from_network"} 41000000',
      'detour_gateway_budget_used_bytes{gateway="phone"} 820000000',
      'detour_gateway_budget_limit_bytes{gateway="phone"} 2000000000',
      'detour_gateway_battery_ratio{gateway="phone"} 0.76',
      'detour_gateway_path_rtt_seconds{gateway="phone",family="4"} 0.0394',
      'detour_gateway_path_good{gateway="phone",family="4"} 1',
      'detour_gateway_messages_discarded_total{reason="key"} 12',
      'detour_gateway_elections_total 7',
      'detour_gateway_messages_sent_total 1234',
      'detour_gateways_unpaired 1',
    ]),
  );
  const absent = /^detour_gateway_(lease|last_heard|battery|budget|path)\w*\{gateway="tablet"/;
  expect(lines.filter((line) => absent.test(line))).toEqual([]);
  expect(lines.some((line) => line.startsWith('detour_gateway_path_good{gateway="phone",family="6"'))).toBe(false);
});
