/** A gateway node's file that was given where a router's is expected: one sentence instead of an unknown key a line. */
import { isMap } from 'yaml';
import { gatewayNodeSchema } from './gateway-node/schema.js';
import type { ConfigProblem } from './problem.js';
import { configSchema } from './schema.js';
import { keyText, type YamlSource } from './source.js';

/** @returns null: it has a key that only routers have, or none that only nodes have */
export function nodeFileProblem(source: YamlSource): ConfigProblem | null {
  const { root, file } = source;
  const keys = isMap(root) ? root.items.map((pair) => keyText(pair.key)) : [];
  const hasAny = (own: object, other: object): boolean =>
    keys.some((key) => key !== null && Object.hasOwn(own, key) && !Object.hasOwn(other, key));
  const [router, node] = [configSchema.properties, gatewayNodeSchema.properties];
  if (hasAny(router, node) || !hasAny(node, router)) return null;
  const message = `this is a gateway node's configuration; "detour gateway run --dry-run ${file}" checks it`;
  return { file, line: 1, column: 1, path: '', message, write: null };
}
