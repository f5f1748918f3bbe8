/** The `nft` program: scripts in, an atomic transaction each; listings out. */
import { spawn } from 'node:child_process';

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
  return new Promise((resolve, reject) => {
    const child = spawn('nft', args, { stdio: 'pipe', timeout: TIMEOUT_MS });
    let output = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    // It may have ended already: its complaint says why.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => reject(new NftError(`nft does not start: ${error.message}`, null)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new NftError(complaint.split('\n', 1)[0] || `nft ended with ${signal ?? code}`, code));
    });
    child.stdin.end(input);
  });
}
