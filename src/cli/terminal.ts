/** The person at the terminal: asked on standard error, so that standard output stays what a script wants. */
import { createInterface } from 'node:readline/promises';
import { DetourError } from '../errors.js';

/** A pairing line has 150 characters. */
const MAXIMUM_SECRET_BYTES = 4096;
const ENTER = ['\r', '\n'];
const END_OF_INPUT = '\u0004';
const INTERRUPT = '\u0003';
const BACKSPACE = ['\u007f', '\b'];
const ERASE_ALL = '\u0015';

export const errorIsTerminal = (): boolean => process.stderr.isTTY === true;

/**
 * Reads a secret: all of standard input, or from a terminal one line that is not shown.
 * @throws DetourError USAGE: too long, or given up
 */
export async function readSecret(prompt: string): Promise<string> {
  return process.stdin.isTTY ? readHidden(prompt) : readAll();
}

async function readAll(): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAXIMUM_SECRET_BYTES) throw usage(`standard input has more than ${MAXIMUM_SECRET_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readHidden(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  // Before anybody is asked, so that nothing of the answer is shown.
  stdin.setRawMode(true);
  try {
    stderr.write(prompt);
    let text = '';
    for await (const chunk of stdin as AsyncIterable<Buffer>) {
      for (const character of chunk.toString('utf8')) {
        if (character === INTERRUPT) throw usage('given up');
        if (ENTER.includes(character) || character === END_OF_INPUT) return text;
        if (BACKSPACE.includes(character)) text = text.slice(0, -1);
        else if (character === ERASE_ALL) text = '';
        else text += character;
        if (text.length > MAXIMUM_SECRET_BYTES) throw usage(`more than ${MAXIMUM_SECRET_BYTES} characters`);
      }
    }
    return text;
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}

/** @throws DetourError USAGE where nobody can be asked */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !errorIsTerminal()) throw usage('nobody can be asked here: give --yes');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-C and Ctrl-D close it without an answer, which is no.
    const closed = new Promise<string>((resolve) => asking.once('close', () => resolve('')));
    const answer = await Promise.race([asking.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
}

const usage = (reason: string): DetourError => new DetourError('USAGE', { reason });
