/** Options of every command that talks to a running controller: where it is, and the token. */
import type { Command } from 'commander';
import { API_DEFAULTS } from '../config/defaults.js';
import { DetourError } from '../errors.js';
import { ApiClient, type ApiTarget } from './client.js';

export interface ClientOptions {
  socket?: string;
  url?: string;
  token?: string;
}

export function addClientOptions(command: Command): Command {
  return command
    .option('--socket <path>', `unix socket of the controller (env DETOUR_SOCKET; ${API_DEFAULTS.socket})`)
    .option('--url <url>', 'talk to http://host:port instead (env DETOUR_URL)')
    .option('--token <token>', 'bearer token for --url (env DETOUR_TOKEN, which other users cannot read)');
}

/** Options win over the environment, --socket and --url exclude each other. @throws DetourError USAGE */
export function clientFrom(options: ClientOptions, environment: NodeJS.ProcessEnv = process.env): ApiClient {
  return new ApiClient(targetFrom(options, environment));
}

export function targetFrom(options: ClientOptions, environment: NodeJS.ProcessEnv): ApiTarget {
  const usage = (reason: string): DetourError => new DetourError('USAGE', { reason });
  if (options.socket !== undefined && options.url !== undefined) {
    throw usage('--socket and --url exclude each other: give one of them');
  }
  const set = (name: string): string | undefined => environment[name] || undefined;
  const url = options.url ?? (options.socket === undefined ? set('DETOUR_URL') : undefined);
  if (url === undefined) {
    if (options.token !== undefined) throw usage('--token needs --url: the unix socket takes no token');
    return { kind: 'socket', path: options.socket ?? set('DETOUR_SOCKET') ?? API_DEFAULTS.socket };
  }
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol)) {
    throw usage(`"${url}" is no address of an API: expected e.g. http://192.0.2.1:8068`);
  }
  return { kind: 'url', url: parsed, token: options.token ?? set('DETOUR_TOKEN') ?? null };
}
