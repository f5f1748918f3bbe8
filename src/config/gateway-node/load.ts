/** Text or file -> GatewayNodeConfig, with every mistake of the file at once. */
import { openSource, readConfigFile } from '../load.js';
import { ConfigError, compareProblems, formatPath, type ConfigProblem } from '../problem.js';
import type { Draft, Resolving } from '../resolving.js';
import { validate } from '../validate.js';
import { resolveNode } from './resolve.js';
import { gatewayNodeSchema, type GatewayNodeFile } from './schema.js';
import type { GatewayNodeConfig } from './types.js';

/** Everything may be left out, so an empty file is a configuration. Never throws. */
export function parseNodeConfig(
  text: string,
  fileName: string,
): { config: GatewayNodeConfig } | { errors: ConfigProblem[] } {
  const source = openSource(text, fileName);
  if ('errors' in source) return source;
  const syntax = source.syntaxProblems();
  if (syntax.length > 0) return { errors: syntax.sort(compareProblems) };

  const { value, problems, wrong } =
    source.root === null ? { value: {}, problems: [], wrong: new Set<string>() } : validate(source, gatewayNodeSchema);
  const run: Resolving = {
    problem(path, message, write = null, at = 'value') {
      problems.push({ file: fileName, ...source.place(path, at), path: formatPath(path), message, write });
    },
    wasWrong: (...paths) => paths.some((path) => wrong.has(formatPath(path))),
    readTokenFile: () => ({ problem: 'there is no token here', write: null }),
  };
  const config = resolveNode(value as Draft<GatewayNodeFile>, run);
  return problems.length > 0 ? { errors: problems.sort(compareProblems) } : { config };
}

/** @throws DetourError CONFIG_UNREADABLE, or ConfigError (CONFIG_INVALID) with all problems */
export function loadNodeConfig(file: string): GatewayNodeConfig {
  const result = parseNodeConfig(readConfigFile(file), file);
  if ('errors' in result) throw new ConfigError(file, result.errors);
  return result.config;
}

/** What holds without a file. */
export function defaultNodeConfig(): GatewayNodeConfig {
  return resolveNode({}, { problem: () => undefined, wasWrong: () => false, readTokenFile: () => ({ token: '' }) });
}
