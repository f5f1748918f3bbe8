/** Running text for a terminal. Pure. */
import { printable } from './table.js';

/**
 * Breaks a text into lines of at most `width` characters, at blanks where there are any; lines after the first begin
 * with `indent` blanks. Control characters are replaced. Width Infinity: one line.
 */
export function wrap(text: string, width: number, indent = 2): string[] {
  const lines: string[] = [];
  let line = '';
  const room = (): number => Math.max(1, width - (lines.length === 0 ? 0 : indent));
  const flush = (): void => {
    lines.push(lines.length === 0 ? line : ' '.repeat(indent) + line);
    line = '';
  };
  for (let word of printable(text).split(' ')) {
    if (line !== '' && length(line) + 1 + length(word) > room()) flush();
    while (length(word) > room()) {
      const head = [...word].slice(0, room()).join('');
      word = word.slice(head.length);
      line = head;
      flush();
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  flush();
  return lines;
}

const length = (text: string): number => [...text].length;
