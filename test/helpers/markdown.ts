/** Reads tables of Markdown, however they are padded. */

/** Rows (without title and rule) of the first table whose title cells begin with `titles`. */
export function tableRows(markdown: string, titles: readonly string[]): string[][] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|') && titles.every((title, i) => cells(line)[i] === title));
  if (start < 0) throw new Error(`no table with the titles ${titles.join(', ')}`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines.slice(start + 2, end < 0 ? undefined : end).map(cells);
}

export function cells(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
}
