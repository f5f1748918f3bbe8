/** `settings`: kept by its pin: the hash seed holds flows where they are, the key outlives a restart. */
import { randomBytes } from 'node:crypto';
import { settingsCodec, SettingsFlag } from '../abi/index.js';
import type { MappedArray } from '../native.js';
import type { WriteCounter } from './kernel-map.js';

const { offsets } = settingsCodec;

/**
 * How often the stack gets a packet to each neighbour that XDP forwards to. Below the kernel's delay_first_probe_time
 * (5 s): an entry that was used within it is verified as soon as its reachable time is over, instead of going stale.
 */
const NEIGHBOUR_REFRESH_MS = 4000;

export class Settings {
  readonly #memory: MappedArray;
  readonly #counter: WriteCounter;

  /** Fills in key and seed where there are none yet. */
  constructor(memory: MappedArray, counter: WriteCounter) {
    this.#memory = memory;
    this.#counter = counter;
    memory.store32(offsets.neighbourRefreshMs, NEIGHBOUR_REFRESH_MS);
    if (this.cookieKey.some((byte) => byte !== 0)) return;
    const random = randomBytes(20);
    memory.store32(offsets.hashSeed, random.readUInt32LE(16));
    memory.store64(offsets.cookieKey, random.readBigUInt64LE(0));
    memory.store64(offsets.cookieKey + 8, random.readBigUInt64LE(8));
  }

  /** 16 bytes, as the program and the transmitter read them. */
  get cookieKey(): Uint8Array {
    const key = Buffer.alloc(16);
    key.writeBigUInt64LE(this.#memory.load64(offsets.cookieKey), 0);
    key.writeBigUInt64LE(this.#memory.load64(offsets.cookieKey + 8), 8);
    return new Uint8Array(key);
  }

  /** false: every packet is left to the stack (observe mode). */
  setForward(forward: boolean): void {
    const flags = this.#memory.load32(offsets.flags);
    const wanted = forward ? flags | SettingsFlag.FORWARD : flags & ~SettingsFlag.FORWARD;
    if (wanted === flags) return;
    this.#memory.store32(offsets.flags, wanted >>> 0);
    this.#counter.count++;
  }
}
