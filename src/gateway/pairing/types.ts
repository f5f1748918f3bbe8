/** Pairings: which peers share a key with this machine. Keys are bytes that never leave files and HMAC calls. */
import type { MachineId } from '../wire/types.js';

/** 16 lower-case hex digits: the first 8 bytes of HMAC-SHA256(key, "detour key id 1"). Not a secret. */
export type KeyId = string;

export interface PairingKey {
  id: KeyId;
  /** 32 bytes. */
  key: Uint8Array;
  /** Wall clock, milliseconds; for people, and to tell the newest. */
  createdMs: number;
}

/** One peer. On a router: a node; on a node: a router. */
export interface Pairing {
  /** Given at pairing; unique on this machine. Lower-case letters, digits and hyphens, 1 to 24 of them. */
  name: string;
  /** null on a router until the node has spoken for the first time. */
  peer: MachineId | null;
  /** Oldest first, at most two: while a key is being rotated the old one holds until the peer has used the new one. */
  keys: PairingKey[];
  /** Routers with `approval: manual` elect only what a person has approved. */
  approved: boolean;
}
