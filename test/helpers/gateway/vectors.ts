/** The test vectors of docs/gateway-protocol.md, section 10. */
import { readFileSync } from 'node:fs';
import type { PairingKey } from '../../../src/gateway/pairing/types.js';
import { keyIdOf } from '../../../src/gateway/wire/index.js';
import type { DiscardReason, Header, Message } from '../../../src/gateway/wire/types.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';

export interface Vector {
  name: string;
  /** null: of a node without a pairing. */
  key: PairingKey | null;
  bytes: Uint8Array;
}

export interface GoodVector extends Vector {
  header: Header;
  message: Message;
  /** Bytes that this version reads but does not write. */
  readOnly: boolean;
}

export interface BadVector extends Vector {
  discarded: DiscardReason;
}

const BIG_NUMBERS = new Set(['number', 'echo', 'bytesLeft', 'toNetworkBytes', 'fromNetworkBytes']);
const page = readFileSync(new URL('../../../docs/gateway-protocol.md', import.meta.url), 'utf8');

/** "name: value" lines of each fenced block of this language; what follows "bytes:" goes on to the end. */
function blocks(language: string): Map<string, string>[] {
  const pattern = new RegExp('```' + language + '\n([^]*?)```', 'g');
  return [...page.matchAll(pattern)].map((match) => {
    const [head = '', bytes = ''] = match[1]!.split(/^bytes:/m);
    const lines = head.trim().split('\n');
    const fields = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
    return new Map([...(fields as [string, string][]), ['bytes', bytes]]);
  });
}

/** Hex with blanks; from "#" to the end of the line is a remark. */
function bytesOf(text: string): Uint8Array {
  const digits = text.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, '');
  if (!/^([0-9a-f]{2})+$/.test(digits)) throw new Error(`not hex: ${digits}`);
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

function vectorOf(fields: Map<string, string>): Vector {
  const key = vectorKeys.get(fields.get('key') ?? '');
  if (key === undefined) throw new Error(`${fields.get('vector')}: no key is named "${fields.get('key')}"`);
  return { name: fields.get('vector')!, key, bytes: bytesOf(fields.get('bytes')!) };
}

const badOf = (fields: Map<string, string>): BadVector => ({
  ...vectorOf(fields),
  discarded: fields.get('discarded') as DiscardReason,
});

function goodOf(fields: Map<string, string>): GoodVector {
  const [epoch, sequence] = fields.get('order')!.split('.').map(BigInt) as [bigint, bigint];
  const receiver = fields.get('receiver')!;
  return {
    ...vectorOf(fields),
    header: {
      sender: fields.get('sender')!,
      receiver: receiver === 'any' ? null : receiver,
      order: (epoch << 32n) | sequence,
    },
    readOnly: fields.has('read-only'),
    message: JSON.parse(fields.get('message')!, revive) as Message,
  };
}

function revive(name: string, value: unknown): unknown {
  if (BIG_NUMBERS.has(name) && typeof value === 'string') return BigInt(value);
  if (name === 'gateway') return IpAddress.parse(value as string);
  if (name === 'clients') return (value as string[]).map((text) => Prefix.parse(text));
  return value;
}

export const vectorKeys = new Map<string, PairingKey | null>([['none', null]]);
for (const fields of blocks('key')) {
  const key = Buffer.from(bytesOf(fields.get('bytes')!));
  const id = fields.get('id')!;
  if (keyIdOf(key) !== id) throw new Error(`the key id of ${fields.get('key')} is ${keyIdOf(key)}, not ${id}`);
  vectorKeys.set(fields.get('key')!, { id, key, createdMs: 0 });
}

const vectors = blocks('vector');
export const goodVectors: GoodVector[] = vectors.filter((fields) => fields.has('message')).map(goodOf);
export const badVectors: BadVector[] = vectors.filter((fields) => fields.has('discarded')).map(badOf);
if (goodVectors.length + badVectors.length !== vectors.length) throw new Error('a vector is neither good nor bad');
