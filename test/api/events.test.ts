import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { FastifyInstance } from 'fastify';
import { DetourError } from '../../src/errors.js';
import { useApi } from '../helpers/api.js';
import { until } from '../helpers/poll.js';
import type { FakeService } from '../helpers/fake-service.js';

const makeApi = useApi();
const requests: ClientRequest[] = [];
afterEach(() => requests.splice(0).forEach((request) => request.destroy()));

interface Message {
  id?: string;
  event?: string;
  data?: any;
}

interface Reader {
  response: IncomingMessage;
  messages: Message[];
  text: () => string;
  ended: () => boolean;
}

/** Opens a stream over a real connection and collects what arrives. */
async function openStream(
  app: FastifyInstance,
  path = '/v1/events',
  headers: Record<string, string> = {},
): Promise<Reader> {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest({ port, path, headers: { accept: 'text/event-stream', ...headers } }, resolve);
    requests.push(request);
    request.on('error', reject);
    request.end();
  });
  const reader: Reader = { response, messages: [], text: () => text, ended: () => ended };
  let text = '';
  let ended = false;
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    reader.messages = parse(text);
  });
  response.on('close', () => (ended = true));
  response.on('error', () => undefined);
  return reader;
}

function parse(text: string): Message[] {
  const blocks = text.split('\n\n').slice(0, -1);
  return blocks
    .map((block) => {
      const fields = block.split('\n').map((line) => /^(\w+): ?(.*)$/.exec(line));
      const message: Message = {};
      for (const match of fields) {
        if (match?.[1] === 'id') message.id = match[2]!;
        if (match?.[1] === 'event') message.event = match[2]!;
        if (match?.[1] === 'data') message.data = JSON.parse(match[2]!);
      }
      return message;
    })
    .filter((message) => message.data !== undefined);
}

function blind(service: FakeService, cause = 'late'): void {
  service.record({ kind: 'blind', durationUs: 1, cause, atUs: 1 });
}

test('the list begins with the oldest entry and goes on where it is told', async () => {
  const { app, service } = makeApi();
  service.recordOneOfEach();
  const first = (await app.inject('/v1/events?limit=2')).json();
  expect(first).toMatchObject({
    oldest: 1,
    newest: 8,
    run: 'a1b2c3d4',
    restarted: false,
    next: 'a1b2c3d4-2',
    events: [{ sequence: 1 }, { sequence: 2 }],
  });
  const second = (await app.inject(`/v1/events?after=${first.next}`)).json();
  expect(second.events.map((event: { sequence: number }) => event.sequence)).toEqual([3, 4, 5, 6, 7, 8]);
  const end = (await app.inject(`/v1/events?after=${second.next}`)).json();
  expect(end).toMatchObject({ events: [], next: 'a1b2c3d4-8' });
});

test('the list carries the cause of a transition in words', async () => {
  const { app, service } = makeApi();
  service.recordOneOfEach();
  const { events } = (await app.inject('/v1/events')).json();
  expect(events[0]).toEqual({
    run: 'a1b2c3d4',
    sequence: 1,
    time: '2026-01-02T03:04:05.000Z',
    record: expect.objectContaining({
      kind: 'path',
      from: 'up',
      to: 'down',
      cause: expect.stringContaining('3 of 3 probes to 198.51.100.1 lost'),
    }),
  });
});

test('a stream sends what happens from now on, one message an entry', async () => {
  const { app, service } = makeApi();
  service.recordOneOfEach();
  const reader = await openStream(app);
  expect(reader.response.headers['content-type']).toMatch(/^text\/event-stream/);
  blind(service, 'first');
  blind(service, 'second');
  await until(() => reader.messages.length === 2, { what: 'two messages' });
  expect(reader.messages).toMatchObject([
    { id: 'a1b2c3d4-9', event: 'blind', data: { sequence: 9, record: { cause: 'first' } } },
    { id: 'a1b2c3d4-10', event: 'blind', data: { sequence: 10, record: { cause: 'second' } } },
  ]);
});

test('a reader that comes back with Last-Event-ID misses nothing', async () => {
  const { app, service } = makeApi();
  service.recordOneOfEach();
  const reader = await openStream(app, '/v1/events?after=0', { 'last-event-id': 'a1b2c3d4-6' });
  await until(() => reader.messages.length === 2, { what: 'the two entries after 6' });
  expect(reader.messages.map((message) => message.id)).toEqual(['a1b2c3d4-7', 'a1b2c3d4-8']);
});

test('?after= replays the log into the stream', async () => {
  const { app, service } = makeApi();
  service.recordOneOfEach();
  const reader = await openStream(app, '/v1/events?after=0');
  await until(() => reader.messages.length === 8, { what: 'all eight entries' });
  expect(reader.messages.map((message) => message.event)).toEqual([
    'path',
    'group',
    'all-down',
    'all-down-ended',
    'operator',
    'blind',
    'gateway',
    'gateway-discards',
  ]);
});

test('what the log has dropped meanwhile is told as a gap', async () => {
  const { app, service } = makeApi();
  service.logLimit = 3;
  for (let i = 0; i < 10; i++) blind(service);
  const reader = await openStream(app, '/v1/events?after=2');
  await until(() => reader.messages.length === 4, { what: 'the gap and three entries' });
  expect(reader.messages[0]).toMatchObject({ event: 'gap', data: { missedFrom: 3, missedTo: 7 } });
  expect(reader.messages[0]!.id).toBeUndefined();
  expect(reader.messages.slice(1).map((message) => message.data.sequence)).toEqual([8, 9, 10]);
});

// The first has a sequence number that this run has, too.
test.each(['0badcafe-1', '5000'])('a stream from %s is told of the restart, and begins anew', async (last) => {
  const { app, service } = makeApi();
  blind(service);
  blind(service);
  const reader = await openStream(app, '/v1/events', { 'last-event-id': last });
  await until(() => reader.messages.length === 3, { what: 'the news and the entries' });
  expect(reader.messages[0]).toMatchObject({ event: 'restarted', data: { run: 'a1b2c3d4' } });
  expect(reader.messages.slice(1).map((message) => message.id)).toEqual(['a1b2c3d4-1', 'a1b2c3d4-2']);
  expect(reader.text()).toMatch(/^retry: 1000\nid: a1b2c3d4-0\n\n/);
});

test('a list from an earlier run begins anew and says so', async () => {
  const { app, service } = makeApi();
  service.recordOneOfEach();
  const list = (await app.inject('/v1/events?after=0badcafe-5&limit=2')).json();
  expect(list).toMatchObject({ run: 'a1b2c3d4', restarted: true, next: 'a1b2c3d4-2', events: [{ sequence: 1 }, {}] });
  expect((await app.inject(`/v1/events?after=${list.next}`)).json()).toMatchObject({ restarted: false });
});

test('a stream says at once where it stands, so that a quiet one can be told of a restart, too', async () => {
  const { app, service } = makeApi();
  service.recordOneOfEach();
  const reader = await openStream(app);
  await until(() => reader.text().includes('\n\n'), { what: 'the beginning' });
  expect(reader.text()).toBe('retry: 1000\nid: a1b2c3d4-8\n\n');
  expect((await app.inject('/v1/health')).json().run).toBe('a1b2c3d4');
});

test('a quiet stream is kept alive by comments', async () => {
  const { app } = makeApi({ heartbeatMs: 10 });
  const reader = await openStream(app);
  await until(() => reader.text().split(': still here\n\n').length > 3, { what: 'three heartbeats' });
  expect(reader.messages).toEqual([]);
});

test('a reader that does not read costs no growing buffer, and gets everything once it does', async () => {
  const { app, service } = makeApi();
  service.logLimit = 100_000;
  const reader = await openStream(app);
  reader.response.pause();
  // How far the stream has read in the log: what it has read is in the socket's buffers or sent, the rest is not held.
  let cursor = 0;
  const events = service.events.bind(service);
  service.events = (after, limit) => {
    cursor = Math.max(cursor, after);
    return events(after, limit);
  };
  const cause = 'x'.repeat(4096);
  const total = 4000;
  for (let i = 0; i < total; i++) {
    blind(service, cause);
    if (i % 100 === 0) await new Promise(setImmediate);
  }
  // 16 MiB have been recorded, more than the kernel buffers for one connection.
  expect(cursor).toBeGreaterThan(0);
  expect(cursor).toBeLessThan(total - 100);

  let count = 0;
  let tail = '';
  reader.response.removeAllListeners('data');
  reader.response.on('data', (chunk: Buffer) => {
    tail += chunk.toString();
    const blocks = tail.split('\n\n');
    tail = blocks.pop()!;
    count += blocks.filter((block) => block.startsWith('id: ')).length;
  });
  reader.response.resume();
  const already = reader.messages.length;
  await until(() => already + count >= total, { timeoutMs: 30_000, what: 'every entry to arrive' });
  expect(already + count).toBe(total);
}, 60_000);

test('a reader that never reads is given up after some heartbeats', async () => {
  const { app, service } = makeApi({ heartbeatMs: 20 });
  service.logLimit = 100_000;
  const reader = await openStream(app);
  reader.response.pause();
  for (let i = 0; i < 4000; i++) blind(service, 'x'.repeat(4096));
  await until(() => service.listenerCount === 0, { what: 'the stream to be closed' });
}, 30_000);

test('a reader that goes away leaves nothing behind', async () => {
  const { app, service } = makeApi();
  const reader = await openStream(app);
  await until(() => service.listenerCount === 1, { what: 'the subscription' });
  reader.response.destroy();
  await until(() => service.listenerCount === 0, { what: 'the subscription to end' });
});

test('streams end when the server closes', async () => {
  const { app, service } = makeApi();
  const reader = await openStream(app);
  await app.close();
  await until(() => reader.ended(), { what: 'the end of the stream' });
  expect(service.listenerCount).toBe(0);
});

test('a controller that is starting refuses a stream with a problem document, and not by silence', async () => {
  const { app, service } = makeApi();
  service.events = () => {
    throw new DetourError('NOT_READY');
  };
  const refused = await openStream(app);
  expect(refused.response.statusCode).toBe(503);
  await until(() => refused.text().length > 0, { what: 'the problem document' });
  expect(JSON.parse(refused.text())).toMatchObject({ code: 'NOT_READY' });
});

test('the controller that reports an event does not wait for its readers', async () => {
  const { app, service } = makeApi();
  const reader = await openStream(app);
  const reads = { count: 0 };
  const events = service.events.bind(service);
  service.events = (after, limit) => {
    reads.count++;
    return events(after, limit);
  };
  blind(service);
  blind(service);
  expect(reads.count).toBe(0);
  await until(() => reader.messages.length === 2, { what: 'both events' });
});

test('there is a limit of streams, and it is an answer and not a hang', async () => {
  const { app } = makeApi({ maximumStreams: 1 });
  await openStream(app);
  const refused = await openStream(app);
  expect(refused.response.statusCode).toBe(503);
  await until(() => refused.text().length > 0, { what: 'the problem document' });
  expect(JSON.parse(refused.text())).toMatchObject({ code: 'TOO_MANY_STREAMS' });
});

test.each([
  ['?after=-1', {}, 'query.after'],
  ['?after=x', {}, 'query.after'],
  ['?after=a1b2c3d4-', {}, 'query.after'],
  ['?limit=1001', {}, 'query.limit'],
  ['?since=1', {}, 'query.since'],
  ['', { 'last-event-id': 'x' }, 'header.last-event-id'],
])('/v1/events%s with %j is refused at %s', async (query, headers, field) => {
  const { app } = makeApi();
  const answer = await app.inject({ url: `/v1/events${query}`, headers });
  expect(answer.statusCode).toBe(400);
  expect(answer.json().errors[0].field).toBe(field);
});
