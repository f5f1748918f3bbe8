/**
 * What is carried from router to node by hand: one line that has all that a node needs.
 *
 *   detour-gw1:  base64url of  key (32) | router id (16) | length, name of the router | length, name of the node | check (4)
 *
 * The check is the first 4 bytes of the SHA-256 of "detour-gw1:" and all before it, so that a slip of the hand is told as such.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { DetourError } from '../../errors.js';
import type { MachineId } from '../wire/types.js';
import { isPairingName } from './format.js';
import { isMachineId } from './identity.js';
import { KEY_BYTES, pairingKey } from './key.js';
import type { PairingKey } from './types.js';

const PREFIX = 'detour-gw1:';
const ID_BYTES = 16;
const CHECK_BYTES = 4;
const MINIMUM_BYTES = KEY_BYTES + ID_BYTES + 2 + 2 + CHECK_BYTES;
const MAXIMUM_BYTES = MINIMUM_BYTES + 2 * 23;

export interface KeyLine {
  key: PairingKey;
  router: MachineId;
  /** What the router calls itself; the node's name for it unless the person says otherwise. */
  routerName: string;
  /** What the router calls the node. */
  nodeName: string;
}

/** @throws Error if a name or the id is none: those are checked where they come in */
export function formatKeyLine({ key, router, routerName, nodeName }: KeyLine): string {
  if (!isMachineId(router) || !isPairingName(routerName) || !isPairingName(nodeName)) {
    throw new Error('a pairing line needs an id and two names of pairings');
  }
  const name = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text, 'latin1')]);
  const content = Buffer.concat([key.key, Buffer.from(router, 'hex'), name(routerName), name(nodeName)]);
  return PREFIX + Buffer.concat([content, checkOf(content)]).toString('base64url');
}

/**
 * Blanks and line breaks are passed over: a terminal may have broken the line.
 * @param wallMs becomes the time at which the key was made
 * @throws DetourError KEY_LINE_INVALID, whose text repeats nothing of a key
 */
export function parseKeyLine(text: string, wallMs: number): KeyLine {
  const content = contentOf(text.replace(/\s+/g, ''));
  let offset = 0;
  const take = (length: number): Buffer => content.subarray(offset, (offset += length));
  const key = pairingKey(take(KEY_BYTES), wallMs);
  const router = take(ID_BYTES).toString('hex');
  const takeName = (): string => take(take(1)[0] ?? 0).toString('latin1');
  const routerName = takeName();
  const nodeName = takeName();
  if (offset !== content.length || !isMachineId(router) || !isPairingName(routerName) || !isPairingName(nodeName)) {
    throw invalid('its content is not what "detour gateways pair" makes');
  }
  return { key, router, routerName, nodeName };
}

/** The bytes without their check, which was right. */
function contentOf(line: string): Buffer {
  if (line === '') throw invalid('it is empty');
  if (!line.startsWith(PREFIX)) throw invalid(prefixProblem(line));
  const body = line.slice(PREFIX.length);
  const stranger = /[^A-Za-z0-9_-]/u.exec(body);
  if (stranger !== null) {
    const position = PREFIX.length + stranger.index + 1;
    throw invalid(`character ${position} is none of the letters, digits, "-" and "_" that it is made of`);
  }
  const bytes = Buffer.from(body, 'base64url');
  if (bytes.length < MINIMUM_BYTES) throw invalid('it is too short: its end is missing');
  if (bytes.length > MAXIMUM_BYTES) throw invalid('it is too long: there is something behind it');
  const content = bytes.subarray(0, -CHECK_BYTES);
  // Characters of which some bits are not used could differ and give the same bytes.
  if (bytes.toString('base64url') !== body || !timingSafeEqual(checkOf(content), bytes.subarray(-CHECK_BYTES))) {
    throw invalid('a character of it is wrong or missing, or there is one too many: copy it again');
  }
  return content;
}

function prefixProblem(line: string): string {
  const other = /^detour-gw(\d{1,4}):/.exec(line);
  if (other !== null) return `it is of version ${other[1]}, and this Detour knows version 1`;
  return `it does not begin with "${PREFIX}"`;
}

const checkOf = (content: Uint8Array): Buffer =>
  createHash('sha256').update(PREFIX).update(content).digest().subarray(0, CHECK_BYTES);

const invalid = (reason: string): DetourError => new DetourError('KEY_LINE_INVALID', { reason });
