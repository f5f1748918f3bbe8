// Prettier and clang-format over one list of files, so that what lint complains of is what format mends.
//   node scripts/format.mjs           rewrites them (make format)
//   node scripts/format.mjs --check   names those that are not in the house style; exit code 1 if there is one (make lint)
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** For Prettier: directories and patterns. Not Markdown: its tables and diagrams are laid out by hand. */
const scripts = ['src', 'test', 'scripts', '*.{ts,js,mjs,json}'];
/** For clang-format: every C and C++ file below these. */
const directories = ['bpf', 'native'];

function sources(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === 'build' ? [] : sources(path);
    return /\.(c|h|cc)$/.test(entry.name) ? [path] : [];
  });
}

function succeeds(command, args) {
  const { error, status } = spawnSync(command, args, { stdio: 'inherit' });
  if (error) console.error(`${command}: ${error.message}`);
  return status === 0;
}

const check = process.argv.includes('--check');
const done = [
  succeeds('node_modules/.bin/prettier', ['--log-level', 'warn', check ? '--check' : '--write', ...scripts]),
  succeeds('clang-format-19', [...(check ? ['--dry-run', '--Werror'] : ['-i']), ...directories.flatMap(sources)]),
];
process.exitCode = done.every(Boolean) ? 0 : 1;
