/**
 * Checks a YAML document against a schema and takes the values out of it: every mistake with its place and with what
 * to write instead. Values that are wrong are left out of the result, so that the rest can be checked further.
 *
 * It understands the keywords that the builders of schema-parts.ts use, not all of JSON Schema; a test compares its
 * verdict with Ajv's on the published schema.
 */
import { isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import { expectation, kindOf, type Shape } from './expectation.js';
import { formatPath, type ConfigProblem, type Path } from './problem.js';
import { keyText, type Place, type YamlSource } from './source.js';
import { suggest } from './suggest.js';

/** Returned for what is wrong; not undefined, which a reader might take for "absent". */
const WRONG = Symbol('wrong');
type Checked = unknown;

export interface Validated {
  /** What was right, shaped like the schema, with holes (undefined) in lists where an item was wrong. */
  value: unknown;
  problems: ConfigProblem[];
  /** Paths (formatted) of values that were wrong: rules about them say nothing more. */
  wrong: ReadonlySet<string>;
}

export function validate(source: YamlSource, schema: object): Validated {
  const run = new Validation(source);
  const root = source.root;
  let value: Checked = WRONG;
  if (root === null || (isScalar(root) && root.value === null)) {
    run.report([], { line: 1, column: 1 }, 'the file is empty', 'at least "uplinks: {fibre: {interface: eth1}}"');
  } else {
    value = run.check(schema, root, []);
  }
  return { value: value === WRONG ? {} : value, problems: run.problems, wrong: run.wrong };
}

class Validation {
  readonly problems: ConfigProblem[] = [];
  readonly wrong = new Set<string>();
  readonly #source: YamlSource;

  constructor(source: YamlSource) {
    this.#source = source;
  }

  report(path: Path, place: Place, message: string, write: string | null): typeof WRONG {
    this.wrong.add(formatPath(path));
    this.problems.push({ file: this.#source.file, ...place, path: formatPath(path), message, write });
    return WRONG;
  }

  check(schema: Shape, given: Node, path: Path): Checked {
    const node = this.#source.follow(given);
    if (node === null) {
      return this.report(path, this.#source.placeOf(given), 'this alias cannot be followed', 'the value itself');
    }
    const branch = schema.anyOf ? this.#chooseBranch(schema, node, path) : schema;
    if (branch === WRONG) return WRONG;
    const shape = branch;
    if (isMap(node) && kindOf(shape) === 'map') return this.#checkMap(shape, node, path);
    if (isSeq(node) && kindOf(shape) === 'list') return this.#checkList(shape, node, path);
    if (isScalar(node) && kindOf(shape) === 'scalar') {
      const value = scalarValue(shape, node);
      if (accepts(shape, value)) return value;
    }
    return this.#reportUnexpected(schema, node, path);
  }

  /** Of a union, the branch that is meant: by the node's kind, then by `type`, then the first that accepts. */
  #chooseBranch(schema: Shape, node: Node, path: Path): Shape | typeof WRONG {
    const kind = isMap(node) ? 'map' : isSeq(node) ? 'list' : 'scalar';
    const candidates = schema.anyOf!.filter((branch) => kindOf(branch) === kind);
    if (isScalar(node)) {
      const accepting = candidates.find((branch) => accepts(branch, scalarValue(branch, node)));
      return accepting ?? this.#reportUnexpected(schema, node, path);
    }
    if (candidates.length === 0) return this.#reportUnexpected(schema, node, path);
    if (candidates.length === 1) return candidates[0]!;
    return this.#chooseByType(candidates, node as YAMLMap, path);
  }

  #chooseByType(candidates: Shape[], node: YAMLMap, path: Path): Shape | typeof WRONG {
    const types = candidates.map((branch) => String(branch.properties!['type']!.const));
    const pair = node.items.find((item) => keyText(item.key) === 'type');
    const at = [...path, 'type'];
    if (!pair) {
      this.wrong.add(formatPath(path));
      return this.report(
        at,
        this.#source.placeOf(node),
        'is missing',
        `"type: ${types[0]}" (or ${types.slice(1).join(', ')})`,
      );
    }
    const value = isScalar(pair.value) ? String(pair.value.value) : '';
    const index = types.indexOf(value);
    if (index >= 0) return candidates[index]!;
    this.wrong.add(formatPath(path));
    const near = suggest(value, types);
    return this.report(
      at,
      this.#source.placeOf(pair.value ?? pair.key),
      `must be one of ${types.join(', ')}${notThat(pair.value)}`,
      near,
    );
  }

  #checkMap(schema: Shape, node: YAMLMap, path: Path): Checked {
    const result: Record<string, unknown> = {};
    const seen = new Map<string, Place>();
    for (const { key, value } of node.items) {
      const place = this.#source.placeOf(key);
      const text = keyText(key);
      if (text === null) {
        this.report(path, place, 'a key must be plain text', null);
        continue;
      }
      const at = [...path, text];
      const first = seen.get(text);
      if (first) {
        this.report(at, place, `is there twice, first in line ${first.line}`, 'it once');
        continue;
      }
      seen.set(text, place);
      const inner = this.#schemaOfKey(schema, text, at, place);
      if (inner === WRONG) continue;
      if (value === null || (isScalar(value) && value.value === null && !acceptsNull(inner))) {
        this.report(at, place, `has no value; it must be ${expectation(inner)}`, example(inner));
        continue;
      }
      const checked = this.check(inner, value as Node, at);
      // defineProperty: a key "__proto__" is a name like any other.
      if (checked !== WRONG)
        Object.defineProperty(result, text, { value: checked, enumerable: true, writable: true, configurable: true });
    }
    for (const key of schema.required ?? []) {
      // A misspelt key that was meant to be this one is enough of a message.
      if (!seen.has(key) && !this.wrong.has(formatPath([...path, key]))) this.#reportMissing(schema, key, path, node);
    }
    const named = schema.patternProperties !== undefined;
    if (named && node.items.length < (schema.minProperties ?? 0)) {
      this.report(path, this.#source.placeOf(node), 'must have at least one entry', example(schema));
    }
    if (named && node.items.length > (schema.maxProperties ?? Infinity)) {
      this.report(
        path,
        this.#source.placeOf(node),
        `must have at most ${schema.maxProperties} entries, not ${node.items.length}`,
        null,
      );
    }
    return result;
  }

  #schemaOfKey(schema: Shape, key: string, path: Path, place: Place): Shape | typeof WRONG {
    if (schema.patternProperties) {
      const [pattern, inner] = Object.entries(schema.patternProperties)[0]!;
      if (new RegExp(pattern, 'u').test(key)) return inner;
      return this.report(path, place, `a name must be ${schema['x-expected-key'] ?? `like ${pattern}`}`, null);
    }
    const inner = Object.hasOwn(schema.properties!, key) ? schema.properties![key] : undefined;
    if (inner) return inner;
    const known = Object.keys(schema.properties!);
    const near = suggest(key, known);
    if (near !== null) this.wrong.add(formatPath([...path.slice(0, -1), near]));
    const message =
      near === null ? `unknown key; known here: ${known.join(', ')}` : `unknown key; did you mean "${near}"?`;
    return this.report(path, place, message, null);
  }

  #reportMissing(schema: Shape, key: string, path: Path, node: Node): void {
    const inner = schema.properties![key]!;
    const shown = example(inner);
    // The key's line rather than the first line of its block: that is where people look.
    const place =
      path.length > 0 && typeof path.at(-1) === 'string' ? this.#source.place(path, 'key') : this.#source.placeOf(node);
    this.report([...path, key], place, 'is missing', shown === null ? `"${key}: ..."` : `"${key}: ${shown}"`);
  }

  #checkList(schema: Shape, node: YAMLSeq, path: Path): Checked {
    const count = node.items.length;
    const place = this.#source.placeOf(node);
    if (count < (schema.minItems ?? 0)) {
      this.report(path, place, 'must have at least one item', example(schema));
    } else if (count > (schema.maxItems ?? Infinity)) {
      this.report(path, place, `must have at most ${schema.maxItems} items, not ${count}`, null);
    }
    return node.items.map((item, index) => {
      const checked = this.check(schema.items!, item as Node, [...path, index]);
      return checked === WRONG ? undefined : checked;
    });
  }

  #reportUnexpected(schema: Shape, node: Node, path: Path): typeof WRONG {
    return this.report(
      path,
      this.#source.placeOf(node),
      `must be ${expectation(schema)}${notThat(node)}`,
      correction(schema, node),
    );
  }
}

/** Where text is expected, "4e1" and "1234" are what they look like, not numbers. */
function scalarValue(schema: Shape, node: Scalar): unknown {
  const { value, source } = node;
  return schema.type === 'string' && typeof value === 'number' && source !== undefined ? source : value;
}

function accepts(schema: Shape, value: unknown): boolean {
  if (schema.const !== undefined) return value === schema.const;
  if (schema.enum) return schema.enum.includes(value);
  switch (schema.type) {
    case 'null':
      return value === null;
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
      return Number.isSafeInteger(value) && inBounds(schema, value as number);
    case 'number':
      return Number.isFinite(value) && inBounds(schema, value as number);
    case 'string':
      return typeof value === 'string' && acceptsText(schema, value);
    case 'object':
    case 'array':
    case undefined:
      return false;
  }
}

const inBounds = (schema: Shape, value: number): boolean =>
  value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity);

const acceptsText = (schema: Shape, value: string): boolean =>
  value.length >= (schema.minLength ?? 0) &&
  value.length <= (schema.maxLength ?? Infinity) &&
  (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value));

const acceptsNull = (schema: Shape): boolean =>
  schema.type === 'null' || (schema.anyOf?.some((branch) => branch.type === 'null') ?? false);

/** ", not 2"; mappings and lists are named, not shown. */
function notThat(node: unknown): string {
  if (isMap(node)) return ', not a mapping';
  if (isSeq(node)) return ', not a list';
  if (!isScalar(node)) return '';
  const text = typeof node.value === 'string' ? JSON.stringify(node.value) : (node.source ?? String(node.value));
  return `, not ${text.length > 60 ? `${text.slice(0, 57)}...` : text}`;
}

/** What was probably meant: the nearest word of a choice, the nearest bound of a number, yes for true. */
function correction(schema: Shape, node: Node): string | null {
  if (!isScalar(node)) return example(schema);
  const branches = schema.anyOf ?? [schema];
  const { value } = node;
  const words = branches
    .flatMap((branch) => branch.enum ?? (branch.const === undefined ? [] : [branch.const]))
    .map(String);
  const near = typeof value === 'string' ? suggest(value, words) : null;
  if (near !== null) return near;
  for (const branch of branches) {
    if (branch.type === 'boolean' && typeof value === 'string') {
      if (/^(yes|on|y|enabled?)$/i.test(value)) return 'true';
      if (/^(no|off|n|disabled?)$/i.test(value)) return 'false';
    }
    if ((branch.type === 'integer' || branch.type === 'number') && typeof value === 'number') {
      if (branch.minimum !== undefined && value < branch.minimum) return String(branch.minimum);
      if (branch.maximum !== undefined && value > branch.maximum) return String(branch.maximum);
      if (branch.type === 'integer' && !Number.isInteger(value)) return String(Math.round(value));
    }
    const duration = branch['x-unit'] === 'ms' && typeof value === 'string' ? milliseconds(value) : null;
    if (duration !== null && accepts(branch, duration)) return String(duration);
    if (
      branch.type === 'integer' &&
      typeof value === 'string' &&
      /^\d{1,15}$/.test(value) &&
      accepts(branch, Number(value))
    )
      return value;
  }
  // A list of one is often written as the one.
  const items = branches.find((branch) => branch.type === 'array')?.items;
  if (items && typeof value === 'string' && (items.anyOf ?? [items]).some((branch) => accepts(branch, value)))
    return `[${value}]`;
  return example(schema);
}

/** "20ms", "1.5 s", "2m" -> milliseconds. */
function milliseconds(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min)$/.exec(text.trim());
  if (!match) return null;
  const factor = { ms: 1, s: 1000, m: 60_000, min: 60_000 }[match[2] as 'ms' | 's' | 'm' | 'min'];
  return Number(match[1]) * factor;
}

/** The schema's first example, as YAML in one line. */
function example(schema: Shape): string | null {
  const shown = schema.examples?.[0] ?? schema.anyOf?.find((branch) => branch.examples)?.examples?.[0];
  return shown === undefined ? null : inlineYaml(shown);
}

function inlineYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inlineYaml).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, inner]) => `${key}: ${inlineYaml(inner)}`)
      .join(', ')}}`;
  }
  return String(value);
}
