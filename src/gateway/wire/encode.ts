/** Messages to bytes. */
import type { PairingKey } from '../pairing/types.js';
import { codeOf } from './auth.js';
import { ByteWriter } from './bytes.js';
import type { Field } from './fields.js';
import { AUTH_BYTES, CODE_BYTES, KEY_ID_BYTES, LENGTH_OFFSET, UNPAIRED_KEY_ID, writeHeader } from './header.js';
import { AUTH, type Kind } from './kind.js';
import { layouts } from './messages.js';
import { MAXIMUM_MESSAGE_BYTES, type Header, type Message } from './types.js';

/**
 * One datagram. Texts are cut to what fits; everything else must fit.
 * @param key null: of a node without a pairing, which may only advertise (section 4.4)
 * @throws RangeError for a value that does not fit its field, and for a list with too many or too few elements
 */
export function encode(header: Header, message: Message, key: PairingKey | null): Uint8Array {
  if (key === null && message.type !== 'advertise') throw new RangeError('without a pairing a node only advertises');
  const out = new ByteWriter(MAXIMUM_MESSAGE_BYTES);
  writeHeader(out, header, message.type);
  const properties = message as unknown as Record<string, unknown>;
  for (const [property, field] of layouts[message.type].fields) writeField(out, field, properties[property]);
  writeAuth(out, key);
  return out.written();
}

function writeField(out: ByteWriter, field: Field<unknown>, property: unknown): void {
  const values = field.toValues(property);
  const { kind, minimum, maximum, distinctBy } = field;
  if (values.length < minimum || values.length > maximum) {
    throw new RangeError(`${kind.name}: ${values.length} of them, ${minimum} to ${maximum} are possible`);
  }
  if (distinctBy && new Set(values.map(distinctBy)).size < values.length) throw new RangeError(`${kind.name}: twice`);
  for (const value of values) writeTlv(out, kind, value);
}

function writeTlv(out: ByteWriter, kind: Kind<unknown>, value: unknown): void {
  const objection = kind.objection?.(value);
  if (objection) throw new RangeError(`${kind.name}: ${objection}`);
  out.u16(kind.type);
  const lengthAt = out.length;
  out.u16(0);
  const start = out.length;
  kind.write(out, value);
  out.patchU16(lengthAt, out.length - start);
}

function writeAuth(out: ByteWriter, key: PairingKey | null): void {
  out.patchU16(LENGTH_OFFSET, out.length + AUTH_BYTES);
  out.u16(AUTH);
  out.u16(KEY_ID_BYTES + CODE_BYTES);
  out.put(Buffer.from(key?.id ?? UNPAIRED_KEY_ID, 'hex'));
  if (key === null) out.reserved(CODE_BYTES);
  else out.put(codeOf(out.written(), key));
}
