import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listen, type ApiListeners } from '../../src/api/listen.js';
import type { ApiConfig } from '../../src/config/types.js';
import { FakeService } from '../helpers/fake-service.js';

let directory: string;
let socket: string;
const open: ApiListeners[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), `dt-listen-${process.pid}-`));
  socket = join(directory, 'run', 'api.sock');
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((listeners) => listeners.close()));
  rmSync(directory, { recursive: true });
});

async function start(config: Partial<ApiConfig> = {}, service = new FakeService()): Promise<ApiListeners> {
  const listeners = await listen(service, { socket, tcp: null, ...config }, { clock: service.clock });
  open.push(listeners);
  return listeners;
}

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

function ask(
  where: { socketPath: string } | { port: number },
  path: string,
  headers = {},
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...where, path, headers, method }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

test('the unix socket gets mode 0660 in a directory of mode 0750, and is removed at the end', async () => {
  const umask = process.umask(0);
  try {
    const listeners = await start();
    expect(listeners.addresses).toEqual([`unix:${socket}`]);
    expect(statSync(socket).mode & 0o777).toBe(0o660);
    expect(statSync(join(directory, 'run')).mode & 0o777).toBe(0o750);
    expect((await ask({ socketPath: socket }, '/healthz')).status).toBe(200);
    await listeners.close();
    expect(existsSync(socket)).toBe(false);
  } finally {
    process.umask(umask);
  }
});

test('a directory that is there keeps its mode', async () => {
  chmodSync(directory, 0o711);
  socket = join(directory, 'api.sock');
  await start();
  expect(statSync(directory).mode & 0o777).toBe(0o711);
});

test('a second controller is refused while the first answers, and the first goes on', async () => {
  await start();
  await expect(start()).rejects.toMatchObject({ code: 'ALREADY_RUNNING', message: expect.stringContaining(socket) });
  expect((await ask({ socketPath: socket }, '/healthz')).status).toBe(200);
});

test('a socket that nobody answers on is replaced', async () => {
  const first = await start();
  await first.close();
  // What SIGKILL leaves behind: the file of a socket whose process is gone.
  const dead = createServer();
  const moved = `${socket}.moved`;
  await new Promise<void>((resolve) => dead.listen(moved, resolve));
  renameSync(moved, socket);
  await new Promise((resolve) => dead.close(resolve));
  expect(existsSync(socket)).toBe(true);
  await start();
  expect((await ask({ socketPath: socket }, '/healthz')).status).toBe(200);
});

test('a file that is no socket is left alone', async () => {
  socket = join(directory, 'precious');
  writeFileSync(socket, 'data');
  await expect(start()).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: expect.stringContaining('not a socket'),
  });
  expect(statSync(socket).size).toBe(4);
});

test('a path longer than the kernel takes is refused with the number of bytes it may have', async () => {
  socket = join(directory, 'x'.repeat(100));
  await expect(start()).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: expect.stringMatching(/may have \d+ bytes/),
  });
});

test('TCP answers only with the token, for whatever is asked', async () => {
  const service = new FakeService();
  const [address] = (await start({ socket: null, tcp: { host: '127.0.0.1', port: 0, token: 's3cret' } }, service))
    .addresses;
  const port = Number(new URL(address!).port);
  for (const path of ['/healthz', '/metrics', '/openapi.json', '/v1/uplinks', '/nothing']) {
    const refused = await ask({ port }, path);
    expect(refused.status, path).toBe(401);
    expect(refused.headers['www-authenticate']).toBe('Bearer realm="detour"');
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'UNAUTHORIZED' });
  }
  for (const authorization of ['Bearer wrong', 'Bearer s3cre', 'Bearer s3cret2', 'Bearer', 'Basic s3cret', 's3cret']) {
    expect((await ask({ port }, '/v1/uplinks', { authorization })).status, authorization).toBe(401);
  }
  expect((await ask({ port }, '/v1/uplinks/lte/drain', {}, 'POST')).status).toBe(401);
  expect(service.commands).toEqual([]);

  const authorization = 'Bearer s3cret';
  expect((await ask({ port }, '/v1/uplinks', { authorization })).status).toBe(200);
  expect((await ask({ port }, '/v1/uplinks/lte/drain', { authorization }, 'POST')).status).toBe(200);
  expect(service.commands).toEqual(['drain lte by api (127.0.0.1)']);
});

test('the unix socket needs no token while TCP does, and says who asked', async () => {
  const service = new FakeService();
  const listeners = await start({ tcp: { host: '127.0.0.1', port: 0, token: 's3cret' } }, service);
  expect(listeners.addresses).toHaveLength(2);
  expect((await ask({ socketPath: socket }, '/v1/uplinks/lte/drain', {}, 'POST')).status).toBe(200);
  expect(service.commands).toEqual(['drain lte by api (unix socket)']);
});

test('an empty token is no token', async () => {
  const tcp = { host: '127.0.0.1', port: 0, token: '' };
  await expect(start({ socket: null, tcp })).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
});

test('when one listener fails, none stays', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  const tcp = { host: '127.0.0.1', port, token: 's3cret' };
  await expect(start({ tcp })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: expect.stringContaining('in use'),
  });
  expect(existsSync(socket)).toBe(false);
  await new Promise((resolve) => taken.close(resolve));
});
