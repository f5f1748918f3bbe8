/**
 * Ties a page of docs/ to the code: the page is what the code makes of it. `UPDATE_DOCS=1` writes the page instead of
 * comparing it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { expect } from 'vitest';

/** @param rewrite gives the page with everything that comes from the code filled in anew */
export async function expectPage(name: string, rewrite: (text: string) => Promise<string>): Promise<void> {
  const path = fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));
  const text = readFileSync(path, 'utf8');
  const config = await resolveConfig(path);
  const wanted = await format(await rewrite(text), { ...config, parser: 'markdown' });
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, wanted);
  else expect(text, `docs/${name} is out of date: UPDATE_DOCS=1 writes it`).toBe(wanted);
}

/** Replaces every match of `pattern` by what `produce` makes of its groups. */
export async function replaceEach(
  text: string,
  pattern: RegExp,
  produce: (...groups: string[]) => Promise<string>,
): Promise<string> {
  let result = '';
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    result += text.slice(end, match.index) + (await produce(...match.slice(1)));
    end = match.index + match[0].length;
  }
  expect(end, `nothing matches ${pattern}`).toBeGreaterThan(0);
  return result + text.slice(end);
}

/** Replaces what stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. */
export function replaceRegion(text: string, name: string, content: string): string {
  const pattern = new RegExp(`(<!-- begin ${name}[^>]*-->\n)[\\s\\S]*?(<!-- end ${name} -->)`);
  expect(text).toMatch(pattern);
  return text.replace(pattern, (_, begin: string, end: string) => `${begin}\n${content}\n\n${end}`);
}
