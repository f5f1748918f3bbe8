/**
 * HTTP client of a running controller: over its unix socket, or over TCP with a token. Problem documents (RFC 9457)
 * become the DetourError that they were made from, so that a remote error has the same line and the same exit code.
 */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { DetourError, errorCatalogue, type ErrorCode } from '../errors.js';
import { socketRemedy } from './socket-access.js';

export type ApiTarget = { kind: 'socket'; path: string } | { kind: 'url'; url: URL; token: string | null };

/** Silence on a connection for this long is a failure; streams have heartbeats more often than that. */
const SILENCE_MS = 30_000;
/** A page of routes has 10,000 at most; nothing that the API answers is larger than this. */
const MAXIMUM_ANSWER_BYTES = 64 * 1024 * 1024;

export interface ClientRequest {
  method?: 'GET' | 'POST' | 'DELETE';
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export class ApiClient {
  readonly target: ApiTarget;

  constructor(target: ApiTarget) {
    this.target = target;
  }

  /** @throws DetourError NOT_RUNNING, NOT_PERMITTED, or what the API answered */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return (await this.#json(path, signal ? { signal } : {})) as T;
  }

  async post<T>(path: string, body?: unknown): Promise<T> {
    return (await this.#json(path, { method: 'POST', ...(body === undefined ? {} : { body }) })) as T;
  }

  async delete<T>(path: string): Promise<T> {
    return (await this.#json(path, { method: 'DELETE' })) as T;
  }

  /** Opens an event stream; the answer's chunks are its text. Throws like `get`. */
  async stream(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    const response = await this.#send(path, { headers: { ...headers, accept: 'text/event-stream' }, signal });
    if (response.statusCode !== 200) throw problemOf(response, await readAll(response));
    response.setEncoding('utf8');
    return response;
  }

  async #json(path: string, request: ClientRequest): Promise<unknown> {
    const response = await this.#send(path, request);
    const text = await readAll(response);
    if (response.statusCode !== 200) throw problemOf(response, text);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new DetourError('INTERNAL', { reason: `${this.#address()} answers, but not with JSON` }, { cause: error });
    }
  }

  #send(path: string, { method = 'GET', body, headers = {}, signal }: ClientRequest): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const options: RequestOptions = {
      method,
      timeout: SILENCE_MS,
      headers: {
        accept: 'application/json',
        ...headers,
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        ...(this.target.kind === 'url' && this.target.token !== null
          ? { authorization: `Bearer ${this.target.token}` }
          : {}),
      },
      ...(signal ? { signal } : {}),
    };
    return new Promise((resolve, reject) => {
      const request = this.#open(path, options, resolve);
      request.on('timeout', () => request.destroy(new Error(`no answer within ${SILENCE_MS / 1000} s`)));
      request.on('error', (error: NodeJS.ErrnoException) => reject(this.#connectionError(error)));
      request.end(text);
    });
  }

  #open(path: string, options: RequestOptions, onResponse: (response: IncomingMessage) => void) {
    if (this.target.kind === 'socket') {
      return httpRequest({ ...options, socketPath: this.target.path, path, host: 'localhost' }, onResponse);
    }
    const url = new URL(path, this.target.url);
    return (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, onResponse);
  }

  #address(): string {
    return this.target.kind === 'socket' ? this.target.path : this.target.url.origin;
  }

  #connectionError(error: NodeJS.ErrnoException): Error {
    const socket = this.#address();
    switch (error.code) {
      case 'ENOENT':
      case 'ECONNREFUSED':
      case 'ENOTSOCK':
        return new DetourError('NOT_RUNNING', { socket }, { cause: error });
      case 'EACCES':
      case 'EPERM':
        return new DetourError(
          'NOT_PERMITTED',
          { what: `connecting to ${socket}`, remedy: socketRemedy(socket) },
          { cause: error },
        );
      case 'EPROTO':
      case 'ERR_SSL_WRONG_VERSION_NUMBER':
        return new DetourError('USAGE', { reason: notTls(socket) }, { cause: error });
      case 'ABORT_ERR':
        return error;
      case undefined:
      default:
        return new DetourError('INTERNAL', { reason: `${socket}: ${error.message}` }, { cause: error });
    }
  }
}

/** Nobody answers with TLS there. A proxy in front of the API may; the API itself does not. */
const notTls = (origin: string): string =>
  `${origin} does not speak https, as the API by itself does not: --url ${origin.replace(/^https:/, 'http:')}`;

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAXIMUM_ANSWER_BYTES) throw new DetourError('INTERNAL', { reason: 'the answer is too large' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The error of the catalogue that a problem document names; anything else that answers is told as what it is. */
function problemOf(response: IncomingMessage, text: string): DetourError {
  const status = `HTTP ${response.statusCode} ${response.statusMessage ?? ''}`.trim();
  let problem: { code?: unknown; detail?: unknown } = {};
  try {
    problem = (JSON.parse(text) as typeof problem | null) ?? {};
  } catch {
    // Not JSON: a proxy, or another program altogether.
  }
  const { code, detail } = problem;
  if (typeof code !== 'string' || typeof detail !== 'string' || !Object.hasOwn(errorCatalogue, code)) {
    return new DetourError('INTERNAL', { reason: `${status}: this is not Detour's API` });
  }
  const error = new DetourError(code as ErrorCode);
  // The template's parameters stayed with the controller; its text is here.
  error.message = detail;
  return error;
}
