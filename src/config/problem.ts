/** One thing that is wrong in a configuration file: where, which rule, what to write instead. */
import { DetourError } from '../errors.js';

export interface ConfigProblem {
  file: string;
  /** From 1; 1:1 where the file as a whole is meant. */
  line: number;
  column: number;
  /** "uplinks.fibre.probes[0].interval_ms"; empty: the file. */
  path: string;
  /** The rule that is broken, with the value: "must be a whole number of ms from 5 to 3600000, not 2". */
  message: string;
  /** What to write instead; null where the message says it already. */
  write: string | null;
}

/** Keys and list indices from the root. */
export type Path = readonly (string | number)[];

/** "uplinks.fibre.probes[0]"; keys that would not read well are quoted. */
export function formatPath(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      const key = /^[^\s.[\]"]+$/.test(part) ? part : JSON.stringify(part);
      return index === 0 ? key : `.${key}`;
    })
    .join('');
}

/** "home.yaml:12:7: uplinks.fibre.probes[0].interval_ms: must be ...; write ..." */
export function formatProblem(problem: ConfigProblem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}: `;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  return `${place}${path}${problem.message}${problem.write === null ? '' : `; write ${problem.write}`}`;
}

export function compareProblems(a: ConfigProblem, b: ConfigProblem): number {
  return a.line - b.line || a.column - b.column || a.path.localeCompare(b.path, 'en');
}

/** CONFIG_INVALID with everything that is wrong. `message` is the summary; `problems` are for printing one a line. */
export class ConfigError extends DetourError {
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    super('CONFIG_INVALID', { count: problems.length, file });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}
