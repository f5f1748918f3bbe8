/** The file of one pairing, NAME.json: version 1 (docs/gateways.md, "What is stored where"). */
import { isMachineId } from './identity.js';
import { KEY_BYTES, pairingKey } from './key.js';
import type { Pairing, PairingKey } from './types.js';

const PAIRING_NAME = /^[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?$/;
/** For messages. */
export const PAIRING_NAME_RULE = '1 to 24 lower-case letters, digits and hyphens, no hyphen at either end';
export const MAXIMUM_PAIRING_BYTES = 4096;
const VERSION = 1;
const MAXIMUM_KEYS = 2;

export const isPairingName = (name: string): boolean => PAIRING_NAME.test(name);

/** This is the one place where a key becomes text on its way to a file. */
export function encodePairing({ name, peer, approved, keys }: Pairing): string {
  const file = {
    version: VERSION,
    name,
    peer,
    approved,
    keys: keys.map(({ id, key, createdMs }) => ({
      id,
      key: Buffer.from(key).toString('base64url'),
      created: new Date(createdMs).toISOString(),
    })),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * @param name as the file's name says
 * @returns the pairing, or what is wrong with the text; that never repeats any of the text, which may be a key
 */
export function decodePairing(text: string, name: string): Pairing | string {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return 'is not JSON: written in part, or not by Detour';
  }
  if (!isObject(file)) return 'is not a pairing: a JSON object is expected';
  if (file['version'] !== VERSION) return `is of another version of Detour: "version" is not ${VERSION}`;
  if (file['name'] !== name) return 'is of another name: "name" is not that of the file';
  const { peer, approved, keys } = file;
  if (peer !== null && !(typeof peer === 'string' && isMachineId(peer))) return '"peer" is neither null nor an id';
  if (typeof approved !== 'boolean') return '"approved" is neither true nor false';
  if (!Array.isArray(keys) || keys.length < 1 || keys.length > MAXIMUM_KEYS) return '"keys" is not one key or two';
  const decoded: PairingKey[] = [];
  for (const [index, entry] of keys.entries()) {
    const key = decodeKey(entry);
    if (typeof key === 'string') return `"keys[${index}]" ${key}`;
    if (decoded.some(({ id }) => id === key.id)) return `"keys[${index}]" is the same key again`;
    decoded.push(key);
  }
  return { name, peer, approved, keys: decoded };
}

function decodeKey(entry: unknown): PairingKey | string {
  if (!isObject(entry)) return 'is no object';
  const { id, key: text, created } = entry;
  if (typeof text !== 'string') return 'has no key';
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== KEY_BYTES || bytes.toString('base64url') !== text) return 'is not 32 bytes in base64url';
  const createdMs = typeof created === 'string' ? Date.parse(created) : NaN;
  if (!Number.isFinite(createdMs)) return 'has no time at which it was made';
  const key = pairingKey(bytes, createdMs);
  return key.id === id ? key : 'does not have the id that stands beside it';
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
