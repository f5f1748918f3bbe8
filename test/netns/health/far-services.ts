/**
 * The services at the far end of an uplink, for the tests of the active probes. Run in its namespace as a process of
 * its own: `node far-services.ts NAME CERTIFICATE KEY`; prints "ready" when all listen. Every answer carries NAME.
 *
 *   TCP 7       accepts
 *   HTTP 8080   /ok 200, /teapot 418, /slow never, /early and /late: "needle" within and beyond the first 64 KiB
 *   HTTPS 8443  the same
 *   DNS 5353    by the first label: ok, nx, fail, refused, broken, spoofed (other id, then silence), silent
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { SHARED } from './two-uplinks.js';

const [name = '', certificateFile = '', keyFile = ''] = process.argv.slice(2);

function serve(request: IncomingMessage, response: ServerResponse): void {
  const filler = 'x'.repeat(65 * 1024);
  const host = request.headers.host ?? '';
  switch (request.url ?? '') {
    case '/slow':
      return;
    case '/teapot':
      response.writeHead(418).end(`short and stout at ${name}`);
      return;
    case '/early':
      response.end(`needle${filler}`);
      return;
    case '/late':
      response.end(`${filler}needle`);
      return;
    default:
      response.end(`served by ${name} for ${host}`);
  }
}

const RCODES: Record<string, number> = { ok: 0, nx: 3, fail: 2, refused: 5, broken: 0, spoofed: 0 };

function answerDns(query: Buffer): Buffer | null {
  const label = query.toString('latin1', 13, 13 + (query[12] ?? 0));
  const rcode = RCODES[label];
  if (rcode === undefined) return null;
  const answer = Buffer.from(query);
  answer.writeUInt16BE(0x8180 | rcode, 2);
  if (label === 'broken') answer.writeUInt16BE(1, 6);
  if (label === 'spoofed') answer.writeUInt16BE(answer.readUInt16BE(0) ^ 1, 0);
  return answer;
}

/** Bound to the address asked: a wildcard socket would answer from the address of the way out. */
function startDns(address: string): Promise<void> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (query, from) => {
    const answer = answerDns(query);
    if (answer !== null) socket.send(answer, from.port, from.address);
  });
  return new Promise((resolve) => void socket.bind(5353, address, resolve));
}

function listen(
  server: { listen(port: number, host: string, callback: () => void): unknown },
  port: number,
): Promise<void> {
  return new Promise((resolve) => void server.listen(port, '::', resolve));
}

// Probes end with a reset, which is an error here.
const tcp = createTcpServer((socket) => socket.on('error', () => {}));
const tls = { cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
await Promise.all([
  listen(tcp, 7),
  listen(createHttpServer(serve), 8080),
  listen(createHttpsServer(tls, serve), 8443),
  ...Object.values(SHARED).map(startDns),
]);
process.stdout.write('ready\n');
