/** Where the API listens, and the token of its TCP side. */
import { LIMITS } from './limits.js';
import { API_DEFAULTS } from './defaults.js';
import type { Path } from './problem.js';
import { type Draft, type Resolving } from './resolving.js';
import type { ConfigFile } from './schema.js';
import type { ApiConfig } from './types.js';
import { IpAddress } from '../net/ip-address.js';

type ApiDraft = NonNullable<Draft<ConfigFile>['api']>;

export function resolveApi(draft: ApiDraft | undefined, run: Resolving): ApiConfig {
  return {
    socket: draft?.socket === undefined ? API_DEFAULTS.socket : draft.socket,
    tcp: draft?.tcp === undefined ? null : resolveTcp(draft.tcp, ['api', 'tcp'], run),
  };
}

function resolveTcp(draft: NonNullable<ApiDraft['tcp']>, path: Path, run: Resolving): ApiConfig['tcp'] {
  const listen = resolveListen(draft.listen ?? API_DEFAULTS.listen, [...path, 'listen'], run);
  const token = resolveToken(draft, path, run);
  return { ...listen, token };
}

/** Unlike a probe's target, an address to listen on may be unspecified or loopback. */
function resolveListen(text: string, path: Path, run: Resolving): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65_535) {
    run.problem(path, `must be an address and a port, not "${text}"`, `"${API_DEFAULTS.listen}" or "[::1]:8068"`);
    return { host: '', port: 0 };
  }
  const host = (match[1] ?? match[2])!;
  try {
    return { host: IpAddress.parse(host).toString(), port };
  } catch (error) {
    run.problem(path, (error as Error).message, `"${API_DEFAULTS.listen}"`);
    return { host: '', port: 0 };
  }
}

function resolveToken(draft: NonNullable<ApiDraft['tcp']>, path: Path, run: Resolving): string {
  if (run.wasWrong([...path, 'token'], [...path, 'token_file'])) return '';
  if (draft.token !== undefined && draft.token_file !== undefined) {
    run.problem([...path, 'token'], 'either "token" or "token_file" is needed, not both', 'only "token_file"');
    return '';
  }
  if (draft.token === undefined && draft.token_file === undefined) {
    run.problem(path, 'the API over TCP needs a token', '"token_file: detour.token"', 'key');
    return '';
  }
  if (draft.token !== undefined) {
    checkToken(draft.token, [...path, 'token'], run);
    return draft.token;
  }
  const read = run.readTokenFile(draft.token_file!);
  if ('problem' in read) {
    run.problem([...path, 'token_file'], read.problem, read.write);
    return '';
  }
  checkToken(read.token, [...path, 'token_file'], run);
  return read.token;
}

/** RFC 6750 section 2.1: the characters of a bearer token. */
function checkToken(token: string, path: Path, run: Resolving): void {
  if (token.length < LIMITS.tokenCharacters) {
    run.problem(
      path,
      `the token has ${token.length} characters; at least ${LIMITS.tokenCharacters} are needed`,
      'the output of "openssl rand -hex 32"',
    );
  } else if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
    run.problem(
      path,
      'a token is made of letters, digits and . _ ~ + / - only',
      'the output of "openssl rand -hex 32"',
    );
  }
}
