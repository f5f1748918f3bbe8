/** Reads the bearer token of the API's TCP side from its file. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { TokenFile } from './resolving.js';

const MAX_BYTES = 4096;
const READABLE_BY_OTHERS = 0o044;

/**
 * A file that others may read is refused: the token gives control over the router.
 * @param directory where relative paths start: that of the configuration file
 */
export function readTokenFile(path: string, directory: string): TokenFile {
  const file = isAbsolute(path) ? path : join(directory, path);
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return {
      problem: `cannot read ${file}: ${code === 'ENOENT' ? 'there is no such file' : code}`,
      write: code === 'ENOENT' ? `it with "(umask 077; openssl rand -hex 32 > ${file})"` : null,
    };
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return { problem: `${file} is not a plain file`, write: null };
    if ((stat.mode & READABLE_BY_OTHERS) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
      return { problem: `${file} is readable by other users (mode ${mode}); run "chmod 600 ${file}"`, write: null };
    }
    const buffer = Buffer.alloc(MAX_BYTES);
    const text = buffer.toString('utf8', 0, readSync(fd, buffer, 0, MAX_BYTES, 0)).trim();
    if (text.includes('\n')) return { problem: `${file} has more than one line`, write: null };
    return { token: text };
  } finally {
    closeSync(fd);
  }
}
