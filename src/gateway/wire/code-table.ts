/** Numbers on the wire for words in the program. */
import { Malformed } from './bytes.js';

export class CodeTable<Word extends string> {
  readonly #what: string;
  readonly #codes: Readonly<Record<Word, number>>;
  readonly #words: ReadonlyMap<number, Word>;

  /** @param what for messages, e.g. "role" */
  constructor(what: string, codes: Readonly<Record<Word, number>>) {
    this.#what = what;
    this.#codes = codes;
    this.#words = new Map((Object.entries(codes) as [Word, number][]).map(([word, code]) => [code, word]));
  }

  codeOf(word: Word): number {
    return this.#codes[word];
  }

  /** null: no such code. */
  find(code: number): Word | null {
    return this.#words.get(code) ?? null;
  }

  /** @throws Malformed */
  wordOf(code: number): Word {
    const word = this.find(code);
    if (word === null) throw new Malformed(`no ${this.#what} is ${code}`);
    return word;
  }
}
