import { test } from 'vitest';
import type { FastifyInstance } from 'fastify';
import { useApi } from '../helpers/api.js';
import { expectPage, replaceEach, replaceRegion } from '../helpers/docs.js';

const makeApi = useApi();

interface Operation {
  summary: string;
}

async function endpointTable(app: FastifyInstance): Promise<string> {
  const { paths } = (await app.inject('/openapi.json')).json<{ paths: Record<string, Record<string, Operation>> }>();
  const rows = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { summary }]) => `| \`${method.toUpperCase()}\` | \`${path}\` | ${summary} |`),
  );
  return [
    '| method | path | what |',
    '| --- | --- | --- |',
    ...rows,
    '| `GET` | `/openapi.json` | This API as OpenAPI 3.1 |',
  ].join('\n');
}

/** One answer; each sample has a service of its own, so that their order does not matter. */
async function sample(method: string, url: string, body: string): Promise<string> {
  const { app, service } = makeApi();
  service.recordOneOfEach();
  const payload = body === '' ? {} : { payload: JSON.parse(body) as object };
  const answer = await app.inject({ method: method, url, ...payload });
  return JSON.stringify(answer.json(), null, 2);
}

test('docs/api.md lists the endpoints of the OpenAPI document, and its samples are what the API answers', async () => {
  const { app } = makeApi();
  await expectPage('api.md', async (text) => {
    const table = replaceRegion(text, 'endpoints', await endpointTable(app));
    return replaceEach(
      table,
      /^### `(GET|POST) (\/[^\s`]+)(?: (\{.*\}))?`\n\n```json\n[\s\S]*?\n```$/gm,
      async (method, url, body = '') =>
        `### \`${method} ${url}${body === '' ? '' : ` ${body}`}\`\n\n\`\`\`json\n${await sample(method, url, body)}\n\`\`\``,
    );
  });
});
