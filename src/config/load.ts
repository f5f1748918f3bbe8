/** Text or file -> Config, with every mistake of the file at once. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DetourError } from '../errors.js';
import { nodeFileProblem } from './node-file.js';
import { ConfigError, compareProblems, formatPath, type ConfigProblem, type Path } from './problem.js';
import { resolve } from './resolve.js';
import type { Draft, Resolving, TokenFile } from './resolving.js';
import { configSchema, type ConfigFile } from './schema.js';
import { YamlSource, type Place } from './source.js';
import { readTokenFile } from './token-file.js';
import type { Config } from './types.js';
import { validate } from './validate.js';

/** Where each value of a configuration stands in its file. */
export interface Positions {
  readonly file: string;
  /** Path as in the file: ['uplinks', 'fibre', 'interface']. Of the nearest parent if it is not there. */
  place(path: Path, which?: 'key' | 'value'): Place;
}

export interface LoadedConfig {
  config: Config;
  positions: Positions;
}

export interface ParseOptions {
  /** Replaces reading token files from disk, relative to the configuration's directory. */
  readTokenFile?: (path: string) => TokenFile;
}

/**
 * @param fileName for messages, and its directory for relative paths
 * @returns the configuration, or everything that is wrong with it, in the order of the file. Never throws.
 */
export function parseConfig(
  text: string,
  fileName: string,
  options: ParseOptions = {},
): LoadedConfig | { errors: ConfigProblem[] } {
  const source = openSource(text, fileName);
  if ('errors' in source) return source;
  const syntax = source.syntaxProblems();
  // After a syntax error the rest is guesswork: its consequences would be reported as mistakes.
  if (syntax.length > 0) return { errors: syntax.sort(compareProblems) };
  const ofNode = nodeFileProblem(source);
  if (ofNode) return { errors: [ofNode] };

  const { value, problems, wrong } = validate(source, configSchema);
  const run: Resolving = {
    problem(path, message, write = null, at = 'value') {
      problems.push({ file: fileName, ...source.place(path, at), path: formatPath(path), message, write });
    },
    wasWrong: (...paths) => paths.some((path) => wrong.has(formatPath(path))),
    readTokenFile: options.readTokenFile ?? ((path) => readTokenFile(path, dirname(fileName))),
  };
  const config = resolve(value as Draft<ConfigFile>, run);
  return problems.length > 0 ? { errors: problems.sort(compareProblems) } : { config, positions: source };
}

/**
 * @throws DetourError CONFIG_UNREADABLE, or ConfigError (CONFIG_INVALID) with all problems
 */
export function loadConfig(file: string): LoadedConfig {
  const result = parseConfig(readConfigFile(file), file);
  if ('errors' in result) throw new ConfigError(file, result.errors);
  return result;
}

/** @throws DetourError CONFIG_UNREADABLE */
export function readConfigFile(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DetourError('CONFIG_UNREADABLE', { file, reason: unreadable(code) }, { cause: error });
  }
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8 text',
};

const unreadable = (code = 'unknown error'): string => UNREADABLE[code] ?? code;

/** The YAML parser recurses: a file of ten thousand brackets ends its stack. */
export function openSource(text: string, fileName: string): YamlSource | { errors: ConfigProblem[] } {
  try {
    return new YamlSource(text, fileName);
  } catch (error) {
    const message = error instanceof RangeError ? 'nested too deeply' : `YAML syntax: ${(error as Error).message}`;
    return { errors: [{ file: fileName, line: 1, column: 1, path: '', message, write: null }] };
  }
}
