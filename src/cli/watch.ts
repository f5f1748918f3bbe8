/** Redraws a screen again and again until the signal aborts, and gives the terminal back as it was. */
import { pause } from './interrupt.js';

export interface Screen {
  write(text: string): void;
  rows(): number;
}

// xterm's alternate screen keeps what the user had on the normal one; the cursor would flicker over the table.
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_TO_END_OF_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

export const terminalScreen: Screen = {
  write: (text) => void process.stdout.write(text),
  rows: () => process.stdout.rows || 24,
};

/**
 * @param draw makes the lines of one frame; what it throws ends the watch
 */
export async function watch(
  draw: () => Promise<string[]>,
  { screen, everyMs, signal }: { screen: Screen; everyMs: number; signal: AbortSignal },
): Promise<void> {
  // Also for an end that nobody awaits: an uncaught error must not leave the terminal without a cursor.
  const leave = (): void => screen.write(LEAVE);
  process.once('exit', leave);
  screen.write(ENTER);
  try {
    while (!signal.aborted) {
      const lines = fit(await draw(), screen.rows());
      if (signal.aborted) break;
      const body = lines.map((line) => line + CLEAR_TO_END_OF_LINE).join('\r\n');
      screen.write(HOME + body + CLEAR_BELOW);
      await pause(everyMs, signal);
    }
  } finally {
    process.off('exit', leave);
    leave();
  }
}

/** What does not fit is counted and not scrolled: a frame that scrolls would leave its head behind. */
function fit(lines: string[], rows: number): string[] {
  if (lines.length <= rows) return lines;
  const shown = Math.max(1, rows - 1);
  return [...lines.slice(0, shown), `... ${lines.length - shown} more lines`];
}
