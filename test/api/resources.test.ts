import { expect, test } from 'vitest';
import { useApi } from '../helpers/api.js';

const makeApi = useApi();

test('/healthz answers as soon as the process does, /readyz only when the configuration is programmed', async () => {
  const { app, service } = makeApi();
  service.isReady = false;
  expect((await app.inject('/healthz')).json()).toEqual({ status: 'ok' });
  const notReady = await app.inject('/readyz');
  expect(notReady.statusCode).toBe(503);
  expect(notReady.json()).toMatchObject({ code: 'NOT_READY', status: 503 });
  service.isReady = true;
  expect((await app.inject('/readyz')).statusCode).toBe(200);
});

test('a 64-bit counter keeps all its digits', async () => {
  const { app } = makeApi();
  const { uplinks } = (await app.inject('/v1/uplinks')).json();
  expect(uplinks[0].paths[0].transmitted).toEqual({ packets: '9007199254740993', bytes: '18446744073709551615' });
});

test('monotonic times are given as wall-clock times and as durations', async () => {
  const { app, service } = makeApi();
  service.clock.advanceMs(1000);
  service.uplinkList[0]!.paths[0]!.heldUntilUs = service.clock.nowUs() + 2_500_000;
  const uplink = (await app.inject('/v1/uplinks/fibre')).json();
  expect(uplink.paths[0]).toMatchObject({
    since: '2026-01-02T03:00:53.000Z',
    stateForMs: 193_000,
    heldUntil: '2026-01-02T03:04:08.500Z',
  });
});

test('an uplink that does not exist is named together with those that do', async () => {
  const { app } = makeApi();
  const answer = await app.inject('/v1/uplinks/cable');
  expect(answer.statusCode).toBe(404);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json()).toEqual({
    type: 'urn:detour:error:uplink-unknown',
    title: 'Uplink unknown',
    status: 404,
    detail: 'no uplink named "cable"; known: fibre, lte',
    code: 'UPLINK_UNKNOWN',
  });
});

test('drain and undrain change the uplink and answer with it', async () => {
  const { app, service } = makeApi();
  const drained = await app.inject({ method: 'POST', url: '/v1/uplinks/lte/drain' });
  expect(drained.json()).toMatchObject({
    name: 'lte',
    drained: true,
    paths: [{ state: 'drained' }, { state: 'drained' }],
  });
  const undrained = await app.inject({ method: 'POST', url: '/v1/uplinks/lte/undrain', payload: {} });
  expect(undrained.json()).toMatchObject({ name: 'lte', drained: false });
  expect(service.commands).toEqual(['drain lte by api (127.0.0.1)', 'undrain lte by api (127.0.0.1)']);
});

test('force and auto answer with the group in both families', async () => {
  const { app, service } = makeApi();
  const forced = await app.inject({ method: 'POST', url: '/v1/groups/internet/force', payload: { uplink: 'lte' } });
  expect(forced.json().groups).toMatchObject([
    { family: 4, forced: 'lte', active: ['lte'] },
    { family: 6, forced: 'lte', active: ['fibre'] },
  ]);
  const auto = await app.inject({ method: 'POST', url: '/v1/groups/internet/auto' });
  expect(auto.json().groups).toMatchObject([{ forced: null }, { forced: null }]);
  expect(service.commands).toHaveLength(2);
});

test('forcing an uplink that is no member is a conflict, and changes nothing', async () => {
  const { app, service } = makeApi();
  const answer = await app.inject({ method: 'POST', url: '/v1/groups/internet/force', payload: { uplink: 'cable' } });
  expect(answer.statusCode).toBe(409);
  expect(answer.json()).toMatchObject({ code: 'NOT_A_MEMBER' });
  expect(service.commands).toEqual([]);
});

test('routes come page by page', async () => {
  const { app } = makeApi();
  const first = (await app.inject('/v1/routes?limit=2')).json();
  expect(first).toMatchObject({ total: 3, next: 2 });
  expect(first.routes).toHaveLength(2);
  const second = (await app.inject(`/v1/routes?limit=2&offset=${first.next}`)).json();
  expect(second).toMatchObject({ total: 3, next: null, routes: [{ prefix: '198.51.100.0/24' }] });
});

test('a lookup hands parsed addresses to the controller and gives its reasons', async () => {
  const { app } = makeApi();
  const answer = (await app.inject('/v1/lookup?to=2001:DB8::0:7&from=2001:db8::9')).json();
  expect(answer).toMatchObject({
    to: '2001:db8::7',
    from: '2001:db8::9',
    prefix: '::/0',
    uplink: 'fibre',
    forwardedBy: 'xdp',
  });
  expect(answer.why).toHaveLength(2);
});

test.each([
  ['to=fe80::1%25eth0', 'query.to', 'zone ids are not accepted'],
  ['to=192.0.2.300', 'query.to', '"300" is not a number from 0 to 255'],
  ['to=192.0.2.1&from=nowhere', 'query.from', 'is not an IP address'],
  ['to=192.0.2.1&from=2001:db8::1', 'query.from', '2001:db8::1 is IPv6, but query.to is IPv4'],
  ['', 'query.to', 'is missing'],
  ['to=192.0.2.1&to=192.0.2.2', 'query.to', 'must be string, not an array'],
  ['to=192.0.2.1&form=192.0.2.9', 'query.form', 'is not known here; known: to, from'],
])('lookup?%s is refused at %s', async (query, field, reason) => {
  const { app } = makeApi();
  const answer = await app.inject(`/v1/lookup?${query}`);
  expect(answer.statusCode).toBe(400);
  expect(answer.json().errors).toEqual([{ field, reason: expect.stringContaining(reason) }]);
});

test('interfaces tell the XDP mode, why not native, and packets by reason', async () => {
  const { app } = makeApi();
  const { interfaces } = (await app.inject('/v1/interfaces')).json();
  expect(interfaces[0]).toMatchObject({
    xdp: 'native',
    reason: null,
    reasons: { forwarded: '987654', 'not-ip': '42' },
  });
  expect(interfaces[2]).toMatchObject({ xdp: 'none', reason: 'no Ethernet header (raw IP)' });
});
