/**
 * How the CLI ends: one line on standard error and a documented status. Codes are those of errors.ts (from sysexits.h
 * where they are 64 and above); docs/errors.md says which error has which.
 */
import { CommanderError } from 'commander';
import { DetourError, messageOf } from '../errors.js';

export const exitCodes = {
  0: 'done',
  1: 'the answer is no: a check failed, or the thing named does not exist',
  2: 'the configuration is invalid or unreadable',
  64: 'wrong usage',
  69: 'no controller is running, or the kernel lacks something',
  70: 'an error inside Detour or refused by the kernel',
  71: 'the operating system refused a resource',
  73: 'the locks cannot be made, or the state directory cannot be used',
  75: 'not now: another controller is running, or this one is not ready',
  77: 'not permitted',
} as const;

export type ExitCode = keyof typeof exitCodes;

export interface Ending {
  code: number;
  /** One line; null: nothing more to say (help was asked for). */
  line: string | null;
}

/** What to print and return for anything that a command threw. `DETOUR_DEBUG=1` adds the stack (see main.ts). */
export function endingOf(error: unknown): Ending {
  if (error instanceof CommanderError) {
    // Help and version also end by an exception; they are no error.
    if (error.exitCode === 0 || error.code === 'commander.help')
      return { code: error.exitCode === 0 ? 0 : 64, line: null };
    // Commander suggests a similar name where it knows one.
    const hint =
      error.code === 'commander.unknownCommand' && !error.message.includes('Did you mean')
        ? '; "detour --help" lists the commands'
        : '';
    return { code: 64, line: `detour: ${oneLine(error.message.replace(/^error: /, ''))}${hint}` };
  }
  if (error instanceof DetourError) return { code: error.exitCode, line: `detour: ${oneLine(error.message)}` };
  const reason = messageOf(error);
  return { code: 70, line: `detour: ${oneLine(reason)} (unexpected; DETOUR_DEBUG=1 shows where)` };
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ');
