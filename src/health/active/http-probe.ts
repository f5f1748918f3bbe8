/**
 * Does an HTTP(S) server answer as expected by this path? One GET over one connection, redirects not followed.
 * The round trip is from the start of the connect to the response's headers.
 */
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { Socket, isIP } from 'node:net';
import { type TLSSocket, connect as connectTls } from 'node:tls';
import type { Clock, ProbePath } from '../../controller/ports.js';
import type { ProbeTarget } from '../../config/target-key.js';
import type { HttpProbeConfig } from '../../config/types.js';
import type { ProbeOutcome } from '../reporting.js';
import { type PathConnector, connectByPath } from './path-connection.js';

/** How much of the body is searched. */
const BODY_BYTES = 64 * 1024;

export async function httpProbe(
  connector: PathConnector & { clock: Clock },
  path: ProbePath,
  probe: HttpProbeConfig,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const { clock } = connector;
  const url = new URL(target.url!);
  const startUs = clock.nowUs();
  const { fd } = await connectByPath(connector, 'tcp', path, target.address!, target.port!, probe.timeoutMs);
  const socket = new Socket({ fd });
  // Whatever happens later to a connection that is given up is nobody's business; until then the request hears of it.
  socket.on('error', () => {});
  const destroy = (): void => void socket.destroy();
  if (signal.aborted) destroy();
  else signal.addEventListener('abort', destroy, { once: true });
  try {
    const channel = url.protocol === 'https:' ? await secure(socket, url, probe.verifyCertificate) : socket;
    const response = await get(channel, url);
    const rttUs = clock.nowUs() - startUs;
    const cause = await judge(response, probe);
    return cause === null ? { ok: true, rttUs } : { ok: false, cause };
  } finally {
    destroy();
  }
}

function secure(socket: Socket, url: URL, verify: boolean): Promise<TLSSocket> {
  const host = hostOf(url);
  // RFC 6066, section 3: an address is no server name; the certificate is then checked against `host`.
  const servername = isIP(host) === 0 ? host : '';
  return new Promise((resolve, reject) => {
    const channel = connectTls({ socket, host, servername, rejectUnauthorized: verify, ALPNProtocols: ['http/1.1'] });
    channel.once('secureConnect', () => resolve(channel));
    channel.on('error', (error: NodeJS.ErrnoException) => reject(describeTls(error)));
    socket.once('close', () => reject(new Error('connection closed during the TLS handshake')));
  });
}

function describeTls(error: NodeJS.ErrnoException): Error {
  const certificate = /CERT|SELF_SIGNED|ALTNAME|ISSUER/.test(error.code ?? '');
  return certificate ? new Error(`certificate rejected: ${error.message} (${error.code})`) : error;
}

function hostOf(url: URL): string {
  return url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
}

function get(channel: Socket, url: URL): Promise<IncomingMessage> {
  const options: RequestOptions = {
    createConnection: () => channel,
    method: 'GET',
    path: `${url.pathname}${url.search}`,
    headers: {
      host: url.host,
      'user-agent': 'detour',
      accept: '*/*',
      'accept-encoding': 'identity',
      connection: 'close',
    },
  };
  return new Promise((resolve, reject) => {
    request(options).once('response', resolve).on('error', reject).end();
  });
}

/** null: as expected. */
async function judge(response: IncomingMessage, probe: HttpProbeConfig): Promise<string | null> {
  const { from, to } = probe.expectStatus;
  const status = response.statusCode ?? 0;
  if (status < from || status > to) return `HTTP ${status}`;
  if (probe.expectBody === undefined) return null;
  const found = await bodyContains(response, Buffer.from(probe.expectBody));
  return found ? null : `HTTP ${status}, but the body does not contain ${JSON.stringify(probe.expectBody)}`;
}

async function bodyContains(response: IncomingMessage, wanted: Buffer): Promise<boolean> {
  let body = Buffer.alloc(0);
  for await (const chunk of response) {
    body = Buffer.concat([body, chunk as Buffer]).subarray(0, BODY_BYTES);
    if (body.includes(wanted)) return true;
    if (body.length >= BODY_BYTES) return false;
  }
  return false;
}
