/** A line at the bottom of a terminal that is rewritten in place, below a log that goes on above it. */

const CLEAR = '\r\x1b[2K';
const EVERY_MS = 1000;

export interface StatusLine {
  /** Writes a line of the log above it. */
  above(line: string): void;
  /** Shows what this returns, and again each second. */
  show(read: () => string): void;
  close(): void;
}

export interface TerminalOutput {
  write(text: string): unknown;
  width(): number;
}

export function statusLine(terminal: TerminalOutput): StatusLine {
  let read: (() => string) | null = null;
  let timer: NodeJS.Timeout | null = null;
  const draw = (): void => {
    // One column is left free: a full line would wrap on some terminals.
    if (read) terminal.write(`${CLEAR}${read().slice(0, terminal.width() - 1)}`);
  };
  return {
    above: (line) => {
      terminal.write(`${CLEAR}${line}\n`);
      draw();
    },
    show: (next) => {
      read = next;
      draw();
      timer ??= setInterval(draw, EVERY_MS);
    },
    close: () => {
      if (timer) clearInterval(timer);
      if (read) terminal.write(CLEAR);
      read = null;
    },
  };
}
