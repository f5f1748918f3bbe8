import { expect, test } from 'vitest';
import { Keyring } from '../../../../src/gateway/link/keyring.js';
import type { Pairing, PairingKey } from '../../../../src/gateway/pairing/types.js';
import { testId, testKey } from '../../../helpers/gateway/messages.js';

const OLD = testKey('old');
const NEW = testKey('new');
const PEER = testId('peer');

const pairing = (keys: PairingKey[], changes: Partial<Pairing> = {}): Pairing => ({
  name: 'phone',
  peer: null,
  keys,
  approved: true,
  ...changes,
});

function keyring(side: 'nodes' | 'routers', ...pairings: Pairing[]) {
  const state = { list: pairings, told: [] as string[][] };
  const ring = new Keyring(
    () => state.list,
    side,
    (names) => state.told.push([...names]),
  );
  return { ring, state };
}

const sending = (ring: Keyring): string | undefined => ring.sendingKey(ring.pairing('phone')!)?.id;

test('a node sends with the newest key, a router with the newest that the node has used', () => {
  expect(sending(keyring('routers', pairing([OLD, NEW])).ring)).toBe(NEW.id);
  const { ring } = keyring('nodes', pairing([OLD, NEW]));
  expect(sending(ring)).toBe(OLD.id);
  expect(ring.note(ring.find(OLD.id)!, PEER)).toEqual({ newPeer: true, newKey: true });
  expect(sending(ring)).toBe(OLD.id);
  expect(ring.note(ring.find(NEW.id)!, PEER)).toEqual({ newPeer: false, newKey: true });
  expect(sending(ring)).toBe(NEW.id);
  expect(ring.note(ring.find(OLD.id)!, PEER)).toEqual({ newPeer: false, newKey: false });
  expect(sending(ring)).toBe(NEW.id);
});

test('the peer is who used the key first, until the list says who it is', () => {
  const { ring, state } = keyring('nodes', pairing([OLD]));
  expect(ring.peerOf(ring.pairing('phone')!)).toBeNull();
  ring.note(ring.find(OLD.id)!, PEER);
  expect(ring.peerOf(ring.pairing('phone')!)).toBe(PEER);
  state.list = [pairing([OLD], { peer: testId('other') })];
  expect(ring.peerOf(ring.pairing('phone')!)).toBe(testId('other'));
});

test('a revoked key is unknown at once, and another pairing under the same name begins anew', () => {
  const { ring, state } = keyring('nodes', pairing([OLD]));
  ring.note(ring.find(OLD.id)!, PEER);
  state.list = [pairing([NEW])];
  expect(ring.find(OLD.id)).toBeUndefined();
  expect(ring.peerOf(ring.pairing('phone')!)).toBeNull();
  state.list = [];
  expect(ring.pairing('phone')).toBeUndefined();
  expect(state.told).toEqual([['phone'], ['phone'], []]);
});

test('a pairing that has just ended still has a key to say so with, and its peer, until the next change', () => {
  const { ring, state } = keyring('nodes', pairing([OLD, NEW]));
  ring.note(ring.find(NEW.id)!, PEER);
  expect(ring.parting('phone')).toBeUndefined();
  state.list = [];
  expect(ring.sending('phone')).toBeUndefined();
  expect(ring.parting('phone')).toEqual({ key: NEW, receiver: PEER });
  expect(ring.find(NEW.id)).toBeUndefined();
  state.list = [];
  expect(ring.parting('phone')).toBeUndefined();
});
