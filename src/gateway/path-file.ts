/**
 * A machine may be router and node at once: two programs that tell each other, by two small files of the state directory,
 * which routers are before and behind them, so that no loop is elected (docs/gateway-protocol.md, section 6.3).
 *
 * `upstream.json`: written by the router, the machines that it leaves through; the node agent tells them in PATH and
 * refuses routers that are among them. `downstream.json`: written by the node agent, the routers that it serves.
 * What is older than its time is not believed: its writer has died.
 */
import { join } from 'node:path';
import type { Clock } from '../controller/ports.js';
import { isMachineId } from './pairing/identity.js';
import { readStateFile } from './state-file.js';
import { writeVolatileFile } from './volatile-file.js';
import type { MachineId } from './wire/types.js';

export type PathSide = 'upstream' | 'downstream';

/** Written anew as often as this while there is anything in it. */
const REFRESH_US = 30_000_000;
/** Believed for so long. */
const VALID_US = 75_000_000;
const MAXIMUM_IDS = 64;
const MAXIMUM_BYTES = 4096;

export interface PathWriter {
  /** Writes if it is others than before, or time to. Throws DetourError STATE_UNUSABLE, NOT_PERMITTED. */
  keep(ids: readonly MachineId[]): void;
}

export function pathWriter(stateDirectory: string, side: PathSide, clock: Clock): PathWriter {
  const path = join(stateDirectory, `${side}.json`);
  let written: string | null = null;
  let writtenUs = 0;
  return {
    keep(ids) {
      const text = ids.join();
      const nowUs = clock.nowUs();
      const fresh = ids.length === 0 || nowUs - writtenUs < REFRESH_US;
      if (text === written && fresh) return;
      // Nothing to say, and nothing was said: no file.
      if (written === null && ids.length === 0 && readStateFile(path, MAXIMUM_BYTES) === null) return;
      writeVolatileFile(path, `${JSON.stringify({ version: 1, atUs: nowUs, ids: ids.slice(0, MAXIMUM_IDS) })}\n`);
      written = text;
      writtenUs = nowUs;
    },
  };
}

/** @returns ids as the other program wrote them lately; none: it wrote none, or does not run */
export function readPath(stateDirectory: string, side: PathSide, clock: Clock): MachineId[] {
  const file = readStateFile(join(stateDirectory, `${side}.json`), MAXIMUM_BYTES);
  if (file === null) return [];
  try {
    const { version, atUs, ids } = JSON.parse(file.text) as Record<string, unknown>;
    if (version !== 1 || typeof atUs !== 'number' || !Array.isArray(ids)) return [];
    const ageUs = clock.nowUs() - atUs;
    // Of an earlier boot: the clock began anew.
    if (ageUs < 0 || ageUs > VALID_US) return [];
    return ids.filter((id): id is MachineId => typeof id === 'string' && isMachineId(id)).slice(0, MAXIMUM_IDS);
  } catch {
    return [];
  }
}
