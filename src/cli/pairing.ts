/** What `pair`, `rotate` and `revoke` have in common: the files, and telling the controller that runs. */
import { join } from 'node:path';
import type { GatewayListResource } from '../api/resources/gateway.js';
import { DetourError } from '../errors.js';
import type { PairingSide, PairingStore } from '../gateway/pairing/index.js';
import type { ApiClient } from './client.js';
import type { CliContext } from './context.js';
import { errorIsTerminal } from './terminal.js';
import { wrap } from './text.js';

/**
 * The pairings of this machine.
 * @throws DetourError NOT_PERMITTED, STATE_UNUSABLE: where the daemon goes on with what it has, a person wants to know
 */
export async function openStore(stateDirectory: string, side: PairingSide): Promise<PairingStore> {
  const { openPairings } = await import('../gateway/pairing/index.js');
  const store = openPairings({ stateDirectory, side });
  const directory = join(stateDirectory, side);
  const problem = store.problems().find(({ file }) => file === directory);
  if (problem === undefined) return store;
  if (!/EACCES|EPERM/.test(problem.reason)) {
    throw new DetourError('STATE_UNUSABLE', { path: directory, reason: problem.reason });
  }
  throw new DetourError('NOT_PERMITTED', { what: `reading ${directory}`, remedy: 'keys belong to root: use sudo' });
}

/** Lines on standard error, broken at the width of the terminal. */
export function advise(context: CliContext, ...lines: string[]): void {
  const width = errorIsTerminal() ? Math.max(40, process.stderr.columns || 80) : Infinity;
  for (const line of lines) for (const part of wrap(line, width, 0)) context.err(part);
}

/**
 * Has the running controller read the pairings again. That there is none is no error: it reads them when it starts.
 * @returns for people: what follows for a pairing of this name
 */
export async function tellController(client: ApiClient, name: string, expected: 'there' | 'gone'): Promise<string> {
  try {
    const { gateways } = await client.post<GatewayListResource>('/v1/gateways/reload');
    const there = gateways.some((gateway) => gateway.name === name);
    if (there === (expected === 'there')) return 'The running controller knows it.';
    return `The running controller does not know it: its state directory is another one. Give its --config.`;
  } catch (error) {
    if (!(error instanceof DetourError)) throw error;
    if (error.code === 'NOT_RUNNING') return 'No controller is running; it will know it when it starts.';
    if (error.code === 'GATEWAYS_OFF')
      return 'The running controller has no "gateways" section: it uses it once it has.';
    if (error.code === 'NOT_READY') return 'The controller is starting, and will know it.';
    return `The running controller could not be told (${error.message}); it looks for itself, too.`;
  }
}

/** The line alone on standard output; the picture and what to do with them beside it. */
export async function showKeyLine(
  line: string,
  { name, qr }: { name: string; qr: boolean },
  context: CliContext,
): Promise<void> {
  if (qr && errorIsTerminal()) {
    const { default: qrcode } = await import('qrcode');
    context.err(await qrcode.toString(line, { type: 'terminal', small: true, errorCorrectionLevel: 'L' }));
  }
  advise(
    context,
    `On the node "${name}" run "sudo detour gateway join" and give it this line, or scan the picture. Whoever has the ` +
      'line can be elected in its place: it is shown once, is not to be mailed, and "detour gateways revoke" ends it.',
  );
  context.out(line);
}
