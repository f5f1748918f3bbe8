/**
 * A source file and what it imports, as JavaScript in a directory of its own: for tests that need a process to kill. What is
 * built in dist/ may be older, and is another step's business; types are, too.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** @param source path from the repository's root, without packages among its imports */
export function transpile(source: string): { directory: string; path: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), `dt-transpiled-${process.pid}-`));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  symlinkSync(join(ROOT, 'native'), join(directory, 'native'));
  const seen = new Set<string>();
  const add = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(file, 'utf8');
    const compilerOptions = {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    };
    const target = join(directory, relative(ROOT, file)).replace(/\.ts$/, '.js');
    mkdirSync(dirname(target), { recursive: true });
    const { outputText } = ts.transpileModule(text, { compilerOptions });
    writeFileSync(target, outputText);
    for (const [, path] of outputText.matchAll(/from '(\.[^']+)\.js'/g)) add(join(dirname(file), `${path}.ts`));
  };
  add(join(ROOT, source));
  return {
    directory,
    path: join(directory, source).replace(/\.ts$/, '.js'),
    remove: () => rmSync(directory, { recursive: true }),
  };
}
