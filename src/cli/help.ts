/** Pieces of help texts. */

/** "Example:" at the end of a command's help, with one command a line. */
export function example(...lines: string[]): string {
  return `\nExample:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
