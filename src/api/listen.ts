/**
 * Opens the listeners of the configuration: a unix socket, TCP with a bearer token, both or none.
 * Each has an app of its own, so that no request can reach the one without a token by way of the other.
 */
import type { FastifyInstance } from 'fastify';
import type { AddressInfo } from 'node:net';
import type { ApiConfig } from '../config/types.js';
import type { ControllerService } from '../controller/service.js';
import { DetourError } from '../errors.js';
import { buildApp, type ApiOptions } from './app.js';
import { claimSocket } from './unix-socket.js';

export interface ApiListeners {
  /** "unix:/run/detour/api.sock", "http://127.0.0.1:8080": the port is the real one when 0 was asked for. */
  addresses: string[];
  /** Ends streams and connections, and removes the socket. May be called twice. */
  close(): Promise<void>;
}

/**
 * All listeners or none: what is already open is closed again when a later one fails.
 * @throws DetourError ALREADY_RUNNING, LISTEN_FAILED, NOT_PERMITTED
 */
export async function listen(
  service: ControllerService,
  config: ApiConfig,
  options: Omit<ApiOptions, 'token'>,
): Promise<ApiListeners> {
  const open: { address: string; close: () => Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(open.splice(0).map((listener) => listener.close()));
  };
  try {
    if (config.socket !== null) open.push(await listenOnSocket(buildApp(service, options), config.socket));
    if (config.tcp !== null) {
      const { host, port, token } = config.tcp;
      if (token === '')
        throw new DetourError('LISTEN_FAILED', { address: `${host}:${port}`, reason: 'TCP needs a token' });
      open.push(await listenOnTcp(buildApp(service, { ...options, token }), host, port));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses: open.map(({ address }) => address), close };
}

async function listenOnSocket(app: FastifyInstance, path: string) {
  const claim = await claimSocket(path);
  try {
    await app.listen({ path: claim.temporaryPath });
    await claim.publish();
  } catch (error) {
    await app.close();
    await claim.release();
    throw listenError(path, error);
  }
  const close = async (): Promise<void> => {
    await app.close();
    await claim.release();
  };
  return { address: `unix:${path}`, close };
}

async function listenOnTcp(app: FastifyInstance, host: string, port: number) {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw listenError(`${host}:${port}`, error);
  }
  const { address, family, port: realPort } = app.server.address() as AddressInfo;
  const shown = family === 'IPv6' ? `[${address}]` : address;
  return { address: `http://${shown}:${realPort}`, close: () => app.close() };
}

function listenError(address: string, error: unknown): DetourError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof DetourError) return error;
  if (code === 'EACCES' || code === 'EPERM') {
    const remedy = 'choose an address or a place in "api" that the user of the controller may use, or run it as root';
    return new DetourError('NOT_PERMITTED', { what: `listening on ${address}`, remedy }, { cause: error });
  }
  const reason = code === 'EADDRINUSE' ? 'the address is in use by another process' : message;
  return new DetourError('LISTEN_FAILED', { address, reason }, { cause: error });
}
