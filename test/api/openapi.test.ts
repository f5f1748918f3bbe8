import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { expect, test } from 'vitest';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { useApi } from '../helpers/api.js';

const makeApi = useApi();

type Json = Record<string, any>;

async function readDocument(app: FastifyInstance): Promise<Json> {
  const answer = await app.inject('/openapi.json');
  expect(answer.statusCode).toBe(200);
  return answer.json();
}

function operations(document: Json): { path: string; method: string; operation: Json }[] {
  return Object.entries(document.paths as Json).flatMap(([path, item]) =>
    Object.entries(item as Json).map(([method, operation]) => ({ path, method, operation: operation as Json })),
  );
}

/** Checks a value against the schema that the document gives at a JSON pointer. */
function checker(document: Json): (pointer: string[], value: unknown) => void {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (formats as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addSchema(document, 'openapi');
  return (pointer, value) => {
    const escaped = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
    const validate = ajv.compile({ $ref: `openapi#/${escaped.join('/')}` });
    expect(validate(value), `${pointer.join(' ')}: ${ajv.errorsText(validate.errors)}`).toBe(true);
  };
}

test('the document has every route that the API promises, and no other', async () => {
  const { app } = makeApi();
  const found = operations(await readDocument(app)).map(({ path, method }) => `${method.toUpperCase()} ${path}`);
  expect(found.sort()).toEqual([
    'DELETE /v1/gateways/{name}',
    'GET /healthz',
    'GET /metrics',
    'GET /readyz',
    'GET /v1/events',
    'GET /v1/gateways',
    'GET /v1/gateways/{name}',
    'GET /v1/groups',
    'GET /v1/health',
    'GET /v1/interfaces',
    'GET /v1/lookup',
    'GET /v1/routes',
    'GET /v1/uplinks',
    'GET /v1/uplinks/{name}',
    'POST /v1/gateways/reload',
    'POST /v1/gateways/{name}/approve',
    'POST /v1/gateways/{name}/auto',
    'POST /v1/gateways/{name}/elect',
    'POST /v1/gateways/{name}/release',
    'POST /v1/groups/{name}/auto',
    'POST /v1/groups/{name}/force',
    'POST /v1/uplinks/{name}/drain',
    'POST /v1/uplinks/{name}/undrain',
  ]);
});

test('the document is OpenAPI 3.1 in structure: references resolve, parameters are declared, names are unique', async () => {
  const { app } = makeApi();
  const document = await readDocument(app);
  expect(document.openapi).toBe('3.1.0');
  expect(document.info).toMatchObject({ title: 'Detour', version: '1.2.3' });

  const all = operations(document);
  const ids = all.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(all.length);
  const tags = document.tags.map((tag: Json) => tag.name);
  for (const { path, method, operation } of all) {
    const where = `${method} ${path}`;
    expect(operation.summary, where).toEqual(expect.any(String));
    expect(tags, where).toEqual(expect.arrayContaining(operation.tags));
    const declared = (operation.parameters ?? []).filter((parameter: Json) => parameter.in === 'path');
    const used = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    expect(
      declared.map((parameter: Json) => parameter.name),
      where,
    ).toEqual(used);
    for (const parameter of operation.parameters ?? []) expect(parameter, where).toHaveProperty('schema');
    expect(operation.requestBody !== undefined, where).toBe(method === 'post');
    for (const [status, response] of Object.entries(operation.responses as Json)) {
      expect(status, where).toMatch(/^[1-5]\d\d$/);
      expect(response.description, where).not.toBe('Default Response');
      for (const media of Object.values(response.content as Json)) expect(media, where).toHaveProperty('schema');
    }
  }
  for (const reference of references(document)) {
    const target = reference
      .slice(2)
      .split('/')
      .reduce<any>((node, key) => node?.[key], document);
    expect(target, reference).toBeTypeOf('object');
  }
  for (const schema of Object.values(document.components.schemas as Json)) {
    expect(new Ajv2020({ strict: false }).validateSchema(schema)).toBe(true);
  }
});

function references(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === '$ref' && typeof value === 'string' ? [value] : references(value),
  );
}

/** One request for each answer that the document describes: [path of the document, status, request]. */
const requests: [string, number, InjectOptions][] = [
  ['/healthz', 200, { url: '/healthz' }],
  ['/readyz', 200, { url: '/readyz' }],
  ['/v1/health', 200, { url: '/v1/health' }],
  ['/v1/uplinks', 200, { url: '/v1/uplinks' }],
  ['/v1/uplinks', 400, { url: '/v1/uplinks?x=1' }],
  ['/v1/uplinks/{name}', 200, { url: '/v1/uplinks/lte' }],
  ['/v1/uplinks/{name}', 404, { url: '/v1/uplinks/none' }],
  ['/v1/groups', 200, { url: '/v1/groups' }],
  ['/v1/gateways', 200, { url: '/v1/gateways' }],
  ['/v1/gateways', 400, { url: '/v1/gateways?x=1' }],
  ['/v1/gateways/{name}', 200, { url: '/v1/gateways/phone' }],
  ['/v1/gateways/{name}', 200, { url: '/v1/gateways/tablet' }],
  ['/v1/gateways/{name}', 404, { url: '/v1/gateways/none' }],
  ['/v1/routes', 200, { url: '/v1/routes' }],
  ['/v1/routes', 400, { url: '/v1/routes?limit=0' }],
  ['/v1/lookup', 200, { url: '/v1/lookup?to=192.0.2.1' }],
  ['/v1/lookup', 400, { url: '/v1/lookup?to=x' }],
  ['/v1/interfaces', 200, { url: '/v1/interfaces' }],
  ['/v1/events', 200, { url: '/v1/events' }],
  ['/v1/events', 400, { url: '/v1/events?after=-1' }],
  ['/v1/uplinks/{name}/drain', 200, { method: 'POST', url: '/v1/uplinks/lte/drain' }],
  ['/v1/uplinks/{name}/drain', 400, { method: 'POST', url: '/v1/uplinks/lte/drain', payload: { x: 1 } }],
  ['/v1/uplinks/{name}/undrain', 200, { method: 'POST', url: '/v1/uplinks/lte/undrain' }],
  ['/v1/uplinks/{name}/undrain', 404, { method: 'POST', url: '/v1/uplinks/none/undrain' }],
  ['/v1/groups/{name}/force', 200, { method: 'POST', url: '/v1/groups/internet/force', payload: { uplink: 'lte' } }],
  ['/v1/groups/{name}/force', 404, { method: 'POST', url: '/v1/groups/x/force', payload: { uplink: 'lte' } }],
  ['/v1/groups/{name}/force', 409, { method: 'POST', url: '/v1/groups/internet/force', payload: { uplink: 'x' } }],
  [
    '/v1/groups/{name}/force',
    413,
    { method: 'POST', url: '/v1/groups/internet/force', payload: { uplink: 'x'.repeat(20_000) } },
  ],
  [
    '/v1/groups/{name}/force',
    415,
    { method: 'POST', url: '/v1/groups/x/force', payload: 'x', headers: { 'content-type': 'text/plain' } },
  ],
  ['/v1/groups/{name}/auto', 200, { method: 'POST', url: '/v1/groups/internet/auto' }],
  ['/v1/gateways/{name}/approve', 200, { method: 'POST', url: '/v1/gateways/tablet/approve' }],
  ['/v1/gateways/{name}/elect', 200, { method: 'POST', url: '/v1/gateways/laptop/elect' }],
  ['/v1/gateways/{name}/release', 200, { method: 'POST', url: '/v1/gateways/phone/release' }],
  ['/v1/gateways/{name}/auto', 404, { method: 'POST', url: '/v1/gateways/none/auto' }],
  ['/v1/gateways/reload', 200, { method: 'POST', url: '/v1/gateways/reload' }],
  ['/v1/gateways/{name}', 200, { method: 'DELETE', url: '/v1/gateways/phone' }],
  ['/v1/gateways/{name}', 404, { method: 'DELETE', url: '/v1/gateways/phone' }],
];

test('what the API answers is what the document says', async () => {
  const { app, service } = makeApi();
  const document = await readDocument(app);
  const check = checker(document);
  service.recordOneOfEach();
  service.uplinkList[1]!.ifindex = null;
  service.uplinkList[1]!.paths[1]!.kept = 'last good path: every other one is down too';
  Object.assign(service.summary.families[1]!, {
    suspected: true,
    believed: true,
    sinceUs: 5_000_000,
    lastGood: 'fibre',
  });

  const seen = new Set<string>();
  for (const [path, status, request] of requests) {
    const answer = await app.inject(request);
    const method = (request.method ?? 'GET').toLowerCase();
    expect(answer.statusCode, `${method} ${request.url as string}`).toBe(status);
    const type = answer.headers['content-type']!.toString().split(';', 1)[0]!;
    const pointer = ['paths', path, method, 'responses', String(status), 'content', type, 'schema'];
    check(pointer, answer.json());
    seen.add(`${method} ${path}`);
  }
  const expected = operations(document).map(({ path, method }) => `${method} ${path}`);
  expect([...seen, 'get /metrics'].sort()).toEqual(expected.sort());
});

test('not ready and no token are described, too', async () => {
  const { app, service } = makeApi({ token: 'secret' });
  service.isReady = false;
  const authorization = 'Bearer secret';
  const document = (await app.inject({ url: '/openapi.json', headers: { authorization } })).json();
  const check = checker(document);
  const content = (status: string) => ['responses', status, 'content', 'application/problem+json', 'schema'];
  const notReady = await app.inject({ url: '/readyz', headers: { authorization } });
  check(['paths', '/readyz', 'get', ...content('503')], notReady.json());
  const refused = await app.inject({ url: '/v1/uplinks' });
  expect(refused.statusCode).toBe(401);
  check(['paths', '/v1/uplinks', 'get', ...content('401')], refused.json());
});

test('the document would not accept an answer with a missing or an unknown field', async () => {
  const { app } = makeApi();
  const check = checker(await readDocument(app));
  const pointer = ['components', 'schemas', 'Group'];
  const group = (await app.inject('/v1/groups')).json().groups[0];
  check(pointer, group);
  expect(() => check(pointer, { ...group, extra: 1 })).toThrow(/additional properties/);
  expect(() => check(pointer, { ...group, family: 5 })).toThrow(/allowed values/);
});
