import fc from 'fast-check';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { InjectOptions } from 'fastify';
import { useApi } from '../helpers/api.js';

const makeApi = useApi();

const force = (payload: InjectOptions['payload'], contentType = 'application/json'): InjectOptions => ({
  method: 'POST',
  url: '/v1/groups/internet/force',
  headers: { 'content-type': contentType },
  payload,
});

test.each([
  ['nothing where an object is needed', force('null'), 400, 'body', 'must be object, not null'],
  ['an empty body', force(''), 400, 'body', 'empty'],
  ['no JSON', force('{'), 400, 'body', 'not valid JSON'],
  ['an array', force('[]'), 400, 'body', 'must be object, not an array'],
  ['a field of the wrong type', force('{"uplink":5}'), 400, 'body.uplink', 'must be string, not a number'],
  ['an empty name', force('{"uplink":""}'), 400, 'body.uplink', 'must NOT have fewer than 1 characters'],
  ['an unknown field', force('{"uplink":"lte","for":1}'), 400, 'body.for', 'is not known here; known: uplink'],
  ['a prototype', force('{"uplink":"lte","__proto__":{}}'), 400, 'body', 'not valid JSON'],
])('%s in a body is refused at the field that is wrong', async (_, request, status, field, reason) => {
  const { app, service } = makeApi();
  const answer = await app.inject(request);
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json()).toMatchObject({ code: 'REQUEST_INVALID', status });
  expect(answer.json().errors).toEqual([{ field, reason: expect.stringContaining(reason) }]);
  expect(service.commands).toEqual([]);
});

test('all fields at fault are listed at once', async () => {
  const { app } = makeApi();
  const answer = await app.inject(force('{"uplink":true,"a":1,"b":2}'));
  const fields = answer.json().errors.map((error: { field: string }) => error.field);
  expect(fields.sort()).toEqual(['body.a', 'body.b', 'body.uplink']);
  expect(answer.json().detail).toMatch(/\(and 2 more\)$/);
});

test('a command that takes no parameters refuses them', async () => {
  const { app, service } = makeApi();
  const answer = await app.inject({ method: 'POST', url: '/v1/uplinks/lte/drain', payload: { for: '5m' } });
  expect(answer.statusCode).toBe(400);
  expect(answer.json().errors).toEqual([{ field: 'body.for', reason: expect.stringContaining('not known') }]);
  expect(service.commands).toEqual([]);
});

test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])(
  'a body of type %s is 415',
  async (type) => {
    const { app } = makeApi();
    const answer = await app.inject(force('uplink=lte', type));
    expect(answer.statusCode).toBe(415);
    expect(answer.json()).toMatchObject({ code: 'MEDIA_TYPE_UNSUPPORTED', detail: expect.stringContaining(type) });
  },
);

test('a body beyond the limit is 413 and names the limit', async () => {
  const { app } = makeApi();
  const answer = await app.inject(force(JSON.stringify({ uplink: 'x'.repeat(20_000) })));
  expect(answer.statusCode).toBe(413);
  expect(answer.json()).toMatchObject({ code: 'BODY_TOO_LARGE', detail: 'the body is larger than 16384 bytes' });
});

test.each([
  ['GET', '/v2/uplinks', 404, 'NOT_FOUND'],
  ['DELETE', '/v1/uplinks/lte', 405, 'METHOD_NOT_ALLOWED'],
  ['GET', '/v1/uplinks/%zz', 400, 'REQUEST_INVALID'],
] as const)('%s %s is answered with a problem document', async (method, url, status, code) => {
  const { app } = makeApi();
  const answer = await app.inject({ method, url });
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json()).toMatchObject({ code, status });
});

test('a fault of the controller is reported to its log and tells the client nothing about the inside', async () => {
  const { app, service, faults } = makeApi();
  const fault = new Error('secret detail');
  service.uplinks = () => {
    throw fault;
  };
  const answer = await app.inject('/v1/uplinks');
  expect(answer.statusCode).toBe(500);
  expect(answer.json()).toMatchObject({ code: 'INTERNAL' });
  expect(answer.body).not.toContain('secret');
  expect(faults).toEqual([fault]);
});

test('bytes that are no HTTP are answered with a problem document and the connection ends', async () => {
  const { app } = makeApi();
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as { port: number };
  const answer = await new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write('\x16\x03\x01 what\r\n\r\n'));
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ code: 'REQUEST_INVALID', status: 400 });
});

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.json(),
  fc.constantFrom(
    '1e999',
    '-1',
    '18446744073709551616',
    '%00',
    '::',
    '0x7f.1',
    'fe80::1%lo',
    '__proto__',
    'constructor',
  ),
);
const anyBody = fc.oneof(
  fc.json(),
  fc.string({ unit: 'binary' }),
  fc.object({ key: fc.constantFrom('uplink', 'constructor', 'toString', 'x') }).map((value) => JSON.stringify(value)),
  fc
    .record({ uplink: fc.anything() })
    .map((value) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}` : v)) ?? ''),
);

test('no query, body, path or header whatever gives a 5xx', async () => {
  const { app, faults } = makeApi();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(
        '/v1/lookup',
        '/v1/events',
        '/v1/routes',
        '/v1/uplinks',
        '/v1/groups',
        '/v1/uplinks/lte',
        '/v1/health',
      ),
      fc.dictionary(fc.oneof(fc.constantFrom('to', 'from', 'after', 'limit', 'offset'), anyText), anyText),
      anyText,
      async (path, query, lastEventId) => {
        const pairs = Object.entries(query).map(([key, value]) => `${escape(key)}=${escape(value)}`);
        const headers = { 'last-event-id': lastEventId.replace(/[^\x20-\x7e]/g, '') };
        const answer = await app.inject({ url: `${path}?${pairs.join('&')}`, headers });
        expect(answer.statusCode).toBeLessThan(500);
        if (answer.statusCode >= 400) expect(answer.json()).toMatchObject({ status: answer.statusCode });
      },
    ),
    { numRuns: 300 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('drain', 'undrain', 'force', 'auto'),
      anyText,
      anyBody,
      fc.constantFrom('application/json', 'application/json; charset=x', 'text/html', ''),
      async (command, name, payload, type) => {
        const kind = command.endsWith('drain') ? 'uplinks' : 'groups';
        const url = `/v1/${kind}/${escape(name)}/${command}`;
        const answer = await app.inject({
          method: 'POST',
          url,
          payload,
          headers: type === '' ? {} : { 'content-type': type },
        });
        expect(answer.statusCode).toBeLessThan(500);
        expect(answer.statusCode).toBeGreaterThanOrEqual(400);
        expect(answer.json()).toMatchObject({ status: answer.statusCode });
      },
    ),
    { numRuns: 300 },
  );
  expect(faults).toEqual([]);
});

/** Percent-encodes bytes, also those of lone surrogates, which encodeURIComponent refuses. */
function escape(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

test.each([
  ['POST', '/v1/uplinks/lte?x=1', 'GET, HEAD'],
  ['GET', '/v1/uplinks/lte/drain', 'POST'],
  ['PATCH', '/v1/groups/internet/force', 'POST'],
  ['POST', '/v1/events', 'GET'],
  ['OPTIONS', '/healthz', 'GET, HEAD'],
] as const)('%s %s is answered with the methods that are possible', async (method, url, allowed) => {
  const { app } = makeApi();
  const answer = await app.inject({ method, url });
  expect(answer.statusCode).toBe(405);
  expect(answer.headers['allow']).toBe(allowed);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.json().code).toBe('METHOD_NOT_ALLOWED');
});

test.each(['/v1/uplinks/lte/drain/more', '/v1', '/V1/health'])('POST %s is no known path', async (url) => {
  const { app } = makeApi();
  const answer = await app.inject({ method: 'POST', url });
  expect(answer.json().code).toBe('NOT_FOUND');
  expect(answer.headers['allow']).toBeUndefined();
});

test('a wrong method or path is answered as that, whatever is wrong with the body', async () => {
  const { app } = makeApi();
  const headers = { 'content-type': 'application/json' };
  expect((await app.inject({ method: 'DELETE', url: '/v1/health', headers })).statusCode).toBe(405);
  expect((await app.inject({ method: 'POST', url: '/v1/nowhere', headers, payload: '{' })).statusCode).toBe(404);
});
