/** What the resolve-*.ts files share: the draft they read, and how they report. */
import type { IpAddress } from '../net/ip-address.js';
import { IpAddress as Address } from '../net/ip-address.js';
import type { Path } from './problem.js';

/** A value as validate.ts leaves it: anything that was wrong is absent, in lists a hole. */
export type Draft<T> = T extends readonly (infer Item)[]
  ? (Draft<Item> | undefined)[]
  : T extends object
    ? { [Key in keyof T]?: Draft<T[Key]> }
    : T;

export interface Resolving {
  /** Reports a broken rule at the value of `path`, or at its key; the place is looked up in the file. */
  problem(path: Path, message: string, write?: string | null, at?: 'key' | 'value'): void;
  /** True if one of these values was wrong already: a rule that compares them has nothing to say. */
  wasWrong(...paths: Path[]): boolean;
  readTokenFile(path: string): TokenFile;
}

export type TokenFile = { token: string } | { problem: string; write: string | null };

/** Parses an address of the file; reports and returns null if it is none, or none that a packet can be sent to. */
export function unicastAddress(text: string, path: Path, run: Resolving): IpAddress | null {
  let address: IpAddress;
  try {
    address = Address.parse(text);
  } catch (error) {
    run.problem(path, (error as Error).message);
    return null;
  }
  const kind = address.isUnspecified
    ? 'the unspecified address'
    : address.isMulticast || text === '255.255.255.255'
      ? 'no unicast address'
      : address.isLoopback
        ? 'the loopback address'
        : null;
  if (kind === null) return address;
  run.problem(path, `${text} is ${kind}`, 'a unicast address of another machine');
  return null;
}

/** "192.0.2.1:443", "[2001:db8::1]:443", and without a port where `defaultPort` is given. */
export function endpoint(
  text: string,
  path: Path,
  run: Resolving,
  defaultPort?: number,
): { address: IpAddress; port: number } | null {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  const colons = text.split(':').length - 1;
  const [host, portText] = bracketed
    ? [bracketed[1]!, bracketed[2]]
    : colons === 1
      ? [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)]
      : [text, undefined];
  const address = unicastAddress(host, path, run);
  if (!address) return null;
  if (portText === undefined) {
    if (defaultPort !== undefined) return { address, port: defaultPort };
    run.problem(path, `"${text}" has no port`, `"${withPort(address, '443')}"`);
    return null;
  }
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port < 1 || port > 65_535) {
    run.problem(path, `"${text}": the port must be 1 to 65535`, `"${withPort(address, String(defaultPort ?? 443))}"`);
    return null;
  }
  return { address, port };
}

const withPort = (address: IpAddress, port: string): string =>
  address.family === 6 ? `[${address.toString()}]:${port}` : `${address.toString()}:${port}`;
