/**
 * What is known of the owner's firewalls. To read them takes a process of nft for which a router would wait, and they are
 * rarely changed: so they are read beforehand, and again when nobody waits.
 */
import { messageOf } from '../../../errors.js';
import { readWalls, type Wall } from './firewalls.js';

/** What was read counts for so long; then whoever asks waits for it to be read. */
const VALID_MS = 60_000;
const LOOK_MS = 25_000;
/** After a change, so long: an answer is on its way out. */
const REST_MS = 150;

export interface WallWatchOptions {
  log: (text: string) => void;
  read?: () => Promise<Wall[]>;
  /** Monotonic milliseconds. */
  nowMs?: () => number;
}

export class WallWatch {
  readonly #log: (text: string) => void;
  readonly #read: () => Promise<Wall[]>;
  readonly #nowMs: () => number;
  #known: { walls: readonly Wall[]; atMs: number } | null = null;
  /** Why they could not be read, as it was told last. */
  #told = '';
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor({ log, read = readWalls, nowMs = () => performance.now() }: WallWatchOptions) {
    this.#log = log;
    this.#read = read;
    this.#nowMs = nowMs;
  }

  /** At once from what is known, if that is new enough; none where they cannot be read: that is in the log. */
  async walls(): Promise<readonly Wall[]> {
    const known = this.#known;
    if (known && this.#nowMs() - known.atMs < VALID_MS) return known.walls;
    return this.look();
  }

  /** They are read in a moment, and from now on beforehand. */
  watchSoon(): void {
    this.#plan(REST_MS);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  #plan(inMs: number): void {
    if (this.#closed) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look().then(() => this.#plan(LOOK_MS)), inMs).unref();
  }

  /** Reads them now. */
  async look(): Promise<readonly Wall[]> {
    const atMs = this.#nowMs();
    try {
      const walls = await this.#read();
      this.#known = { walls, atMs };
      this.#told = '';
      return walls;
    } catch (error) {
      // What cannot be read is no reason not to try: the router finds out whether it works.
      this.#known = null;
      this.#tell(`the firewall's rules cannot be read: ${messageOf(error)}`);
      return [];
    }
  }

  /** Once, and again after it has gone well: they are looked at all the time. */
  #tell(problem: string): void {
    if (problem !== this.#told) this.#log(problem);
    this.#told = problem;
  }
}
