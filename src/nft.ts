/** The `nft` program: scripts in, an atomic transaction each; listings out. */
import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import type { Socket } from 'node:net';
import { delimiter, join } from 'node:path';

/** What nft said, without the script's text that it repeats below each error. */
export class NftError extends Error {
  readonly exitCode: number | null;

  constructor(message: string, exitCode: number | null) {
    super(message);
    this.name = 'NftError';
    this.exitCode = exitCode;
  }
}

const TIMEOUT_MS = 10_000;
/** Where spawn looks without PATH: execvp(3). */
const USUAL_PATH = '/bin:/usr/bin';

/**
 * All of the script takes effect, or nothing of it.
 * @throws NftError when nft refuses the script, is missing (exitCode null) or does not end in time
 */
export async function runNft(script: string): Promise<void> {
  await nft(['--file', '-'], script);
}

/**
 * What one command lists ("list chains"), as JSON: no line endings to parse. Given as an argument, because
 * `nft --json --file -` takes its input for JSON first and cannot read a pipe a second time.
 * Elements of named sets are left out: there may be very many.
 * @returns the elements, each an object of one key (libnftables-json(5))
 * @throws NftError as of runNft
 */
export async function listNft(command: string): Promise<Record<string, unknown>[]> {
  const output = await nft(['--json', '--terse', command], '');
  return (JSON.parse(output) as { nftables: Record<string, unknown>[] }).nftables;
}

function nft(args: readonly string[], input: string): Promise<string> {
  return new Nft(args).finish(input);
}

/**
 * One that is started and waits for its script: to start a process costs some milliseconds, of the caller's thread, too.
 * It reads nothing of the kernel's before it has the script. When the caller ends, it has an empty script.
 */
export class ReadyNft {
  #waiting: Nft | null = null;

  get isPrepared(): boolean {
    return this.#waiting?.isWaiting ?? false;
  }

  /** Starts one, unless one waits already. */
  prepare(): void {
    if (this.isPrepared) return;
    try {
      this.#waiting = new Nft(['--file', '-'], { ahead: true });
    } catch {
      // Nobody waits for it yet: `run` tries once more, and says why.
      this.#waiting = null;
    }
  }

  /** As `runNft`, by the one that waits, if there is one. */
  async run(script: string): Promise<void> {
    const waiting = this.#waiting?.isWaiting ? this.#waiting : new Nft(['--file', '-']);
    this.#waiting = null;
    await waiting.finish(script);
  }

  close(): void {
    this.#waiting?.finish('').catch(() => undefined);
    this.#waiting = null;
  }
}

const MISSING = 'the program nft is missing: install nftables (apt install nftables)';

/** Looks whether there is such a program, without starting it: cheap enough for each second. @returns null: there is */
export function nftMissing(): string | null {
  const directories = (process.env['PATH'] ?? USUAL_PATH).split(delimiter);
  return directories.some((directory) => isProgram(join(directory, 'nft'))) ? null : MISSING;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** People have to be told what to do about the one that is met: a machine without the package. */
function whyNotStarted(error: NodeJS.ErrnoException): string {
  return error.code === 'ENOENT' ? MISSING : `nft does not start: ${error.message}`;
}

/** @throws NftError: some of what keeps a process from starting (no memory, for one) is thrown at once and not told later */
function start(args: readonly string[], detached: boolean): ChildProcessWithoutNullStreams {
  try {
    return spawn('nft', args, { stdio: 'pipe', detached });
  } catch (error) {
    throw new NftError(whyNotStarted(error as NodeJS.ErrnoException), null);
  }
}

class Nft {
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  #output = '';
  #complaint = '';
  isWaiting = true;

  /** @param ahead it may wait for long: neither does it keep this process, nor does a Ctrl-C for both end it */
  constructor(args: readonly string[], { ahead = false } = {}) {
    const child = start(args, ahead);
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#complaint += text));
    // It may have ended already: its complaint says why.
    child.stdin.on('error', () => undefined);
    this.#ended = new Promise((resolve, reject) => {
      child.on('error', (error) => reject(new NftError(whyNotStarted(error), null)));
      child.on('close', (code, signal) => {
        if (code === 0) resolve(this.#output);
        else reject(new NftError(this.#complaint.split('\n', 1)[0] || `nft ended with ${signal ?? code}`, code));
      });
    });
    this.#ended.catch(() => undefined);
    for (const sign of ['error', 'exit']) child.on(sign, () => (this.isWaiting = false));
    if (ahead) for (const handle of this.#handles()) handle.unref();
  }

  async finish(input: string): Promise<string> {
    this.isWaiting = false;
    for (const handle of this.#handles()) handle.ref();
    const timer = setTimeout(() => this.#child.kill(), TIMEOUT_MS);
    this.#child.stdin!.end(input);
    try {
      return await this.#ended;
    } finally {
      clearTimeout(timer);
    }
  }

  #handles(): { ref(): void; unref(): void }[] {
    // Pipes of a child are sockets to Node; its types say no more than that they are streams.
    return [this.#child, this.#child.stdout as Socket, this.#child.stderr as Socket];
  }
}
