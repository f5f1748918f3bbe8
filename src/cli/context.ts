/** What a command sees of its terminal. Tests hand in their own. */

export interface CliContext {
  /** Writes a line to standard output. */
  out(line: string): void;
  /** Writes a line to standard error. */
  err(line: string): void;
  /** Colour may be written to standard output. */
  readonly color: boolean;
  /** Characters in a line; Infinity where the output is no terminal, so that nothing is cut in a pipe. */
  width(): number;
  /** The exit status when the command has ended without an error; see exit.ts. */
  exit(code: number): void;
}

/**
 * @param environment NO_COLOR (any non-empty value, https://no-color.org) turns colour off
 */
export function processContext(environment: NodeJS.ProcessEnv = process.env): CliContext {
  // `detour events --follow | head`: the reader going away is no error.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
  const colorless = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    color: process.stdout.isTTY === true && !colorless,
    width: () => (process.stdout.isTTY ? Math.max(40, process.stdout.columns) : Infinity),
    exit: (code) => {
      process.exitCode = code;
    },
  };
}
