/** Entry of the CLI: runs one command; whatever it throws becomes one line on standard error and an exit status. */
import { processContext } from './context.js';
import { endingOf } from './exit.js';
import { buildProgram } from './program.js';

const context = processContext();
try {
  await buildProgram(context).parseAsync(process.argv);
} catch (error) {
  const { code, line } = endingOf(error);
  if (line !== null) context.err(line);
  if (process.env['DETOUR_DEBUG'] === '1' && error instanceof Error) context.err(error.stack ?? '');
  // Not process.exit(): standard output may still hold text for a pipe.
  process.exitCode = code;
}
