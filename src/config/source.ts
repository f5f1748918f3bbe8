/** A YAML text with its places: the parsed document, its syntax errors, and line:column of every path in it. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Alias,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import type { ConfigProblem, Path } from './problem.js';

export interface Place {
  line: number;
  column: number;
}

/** After the first few, syntax errors are consequences of each other. */
const MAX_SYNTAX_PROBLEMS = 8;
/** Aliases make a small file expand into a huge one ("billion laughs"): more than this many are refused. */
const MAX_ALIASES = 256;
const START: Place = { line: 1, column: 1 };

export class YamlSource {
  readonly file: string;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  #aliasesFollowed = 0;

  constructor(text: string, file: string) {
    this.file = file;
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      // Duplicate keys are found by validate.ts, which knows their path; merge keys would hide where a value stands.
      uniqueKeys: false,
      merge: false,
      prettyErrors: false,
    });
  }

  get root(): Node | null {
    return this.#document.contents;
  }

  /** What the YAML parser refuses. Anything that it only warns of (unknown tags) is an error here as well. */
  syntaxProblems(): ConfigProblem[] {
    return [...this.#document.errors, ...this.#document.warnings].slice(0, MAX_SYNTAX_PROBLEMS).map((error) => ({
      file: this.file,
      ...this.#at(error.pos[0]),
      path: '',
      message: `YAML syntax: ${firstLine(error.message)}`,
      write: null,
    }));
  }

  /** The node behind an alias. null: unknown anchor, an alias of its own parent, or too many of them. */
  follow(node: Node): Node | null {
    if (!isAlias(node)) return node;
    if (++this.#aliasesFollowed > MAX_ALIASES) return null;
    return this.#resolve(node);
  }

  placeOf(node: unknown): Place {
    const range = (node as Node | null | undefined)?.range;
    return range ? this.#at(range[0]) : START;
  }

  /**
   * Where the value (or the key) of a path stands; of the nearest parent that exists if it is not in the file.
   * Paths are those of the file, e.g. ['uplinks', 'fibre', 'interface'].
   */
  place(path: Path, which: 'key' | 'value' = 'value'): Place {
    let node: unknown = this.root;
    let place = this.placeOf(node);
    for (const part of path) {
      if (isAlias(node)) node = this.#resolve(node);
      if (isMap(node)) {
        const pair: Pair | undefined = node.items.find((item) => keyText(item.key) === String(part));
        if (!pair) return place;
        const value = which === 'value' && hasRange(pair.value) ? pair.value : pair.key;
        place = this.placeOf(value);
        node = pair.value;
      } else if (isSeq(node) && typeof part === 'number' && node.items[part] !== undefined) {
        node = node.items[part];
        place = this.placeOf(node);
      } else {
        return place;
      }
    }
    return place;
  }

  /** An alias inside of its own anchor would be followed for ever. */
  #resolve(alias: Alias): Node | null {
    const node = alias.resolve(this.#document) ?? null;
    const inside = node?.range && alias.range && node.range[0] <= alias.range[0] && alias.range[0] < node.range[2];
    return inside ? null : node;
  }

  #at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

/** Text of a mapping's key as it was written; null: the key is itself a mapping or a list. */
export function keyText(key: unknown): string | null {
  if (!isScalar(key)) return null;
  return key.source ?? String(key.value);
}

const hasRange = (node: unknown): boolean => Boolean((node as Node | null)?.range);

const firstLine = (text: string): string => text.split('\n', 1)[0]!;
