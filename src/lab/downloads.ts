/** New TCP connections from the lab's client to its far server: what a person behind the router would notice. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { promisify } from 'node:util';
import { FAR_IPV4, FAR_IPV6, namespacePath } from './topology.js';
import type { LabNames } from './topology.js';

const PORT = 8080;
const TIMEOUT_S = 20;
const START_TIMEOUT_MS = 10_000;
const run = promisify(execFile);

export interface Download {
  bytes: number;
  ms: number;
  /** The client's address as the far server saw it. */
  seenAs: string;
}

const urlOf = (family: 4 | 6, path: string): string =>
  `http://${family === 4 ? FAR_IPV4 : `[${FAR_IPV6}]`}:${PORT}${path}`;

/** Fetches in the namespace of the caller; printed as one number and one text. */
const FETCH = `
const [url, whoAmI] = process.argv.slice(1);
const signal = AbortSignal.timeout(${TIMEOUT_S * 1000});
const from = performance.now();
const answer = await fetch(url, { signal });
let bytes = 0;
for await (const chunk of answer.body) bytes += chunk.length;
const ms = performance.now() - from;
console.log(JSON.stringify({ bytes, ms, seenAs: await (await fetch(whoAmI, { signal })).text() }));
`;

export class FarServer {
  readonly #children: ChildProcess[] = [];

  /** Resolves once it listens in both families. */
  static async start(names: LabNames): Promise<FarServer> {
    const server = new FarServer();
    try {
      await Promise.all([FAR_IPV4, FAR_IPV6].map((address) => server.#listen(names.far, address)));
      return server;
    } catch (error) {
      server.stop();
      throw error;
    }
  }

  #listen(namespace: string, address: string): Promise<void> {
    const program = new URL('../../dist/lab/far-server.js', import.meta.url).pathname;
    const args = [`--net=${namespacePath(namespace)}`, process.execPath, program, address, String(PORT)];
    const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (!text.includes('listening')) return;
        clearTimeout(timer);
        resolve();
      });
      child.once('error', reject);
      child.once('close', () => reject(new Error('the far server ended before it listened')));
    });
  }

  stop(): void {
    for (const child of this.#children) child.kill('SIGTERM');
  }
}

/** One new TCP connection for the bytes and one to ask who we are. @throws Error when it takes longer than 20 s */
export async function download(names: LabNames, family: 4 | 6, bytes: number): Promise<Download> {
  const { stdout } = await run(
    'nsenter',
    [
      `--net=${namespacePath(names.client)}`,
      process.execPath,
      '--input-type=module',
      '-e',
      FETCH,
      urlOf(family, `/bytes/${bytes}`),
      urlOf(family, '/'),
    ],
    { timeout: (TIMEOUT_S + 5) * 1000 },
  );
  return JSON.parse(stdout) as Download;
}
