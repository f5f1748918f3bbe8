/**
 * Counts of all checks and rings, and the last lines that `make test` prints: each failure, each skip, and as the very last
 * line the two counts. Whatever went wrong is in them at least once: a run that ended badly never counts as passed.
 */

interface AssertionResult {
  /** 'pending' here means: was begun or queued and never ended. */
  status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo' | 'disabled';
  fullName: string;
}

/** What is read of vitest's JSON report. */
export interface TestReport {
  testResults: { name: string; status: string; message: string; assertionResults: AssertionResult[] }[];
}

export class Tally {
  #passed = 0;
  readonly #failures: string[] = [];
  readonly #skipped: string[] = [];

  pass(): void {
    this.#passed++;
  }

  fail(what: string): void {
    this.#failures.push(what);
  }

  get failed(): number {
    return this.#failures.length;
  }

  /**
   * Counts one ring.
   * @param status its exit status
   * @param text its JSON report; null: it wrote none
   */
  addRing(ring: string, status: number, text: string | null): void {
    const before = this.failed;
    const report = text === null ? null : parse(text);
    if (report === null) this.fail(`${ring}: ended with status ${status} and no report`);
    else for (const file of report.testResults) this.#addFile(ring, file);
    // An error outside of every test, or nothing to run.
    if (status !== 0 && this.failed === before)
      this.fail(`${ring}: no test failed, but it ended with status ${status}`);
  }

  #addFile(ring: string, { name, status, message, assertionResults }: TestReport['testResults'][number]): void {
    const before = this.failed;
    for (const test of assertionResults) {
      // A test's name begins with a space where it is in no `describe`.
      const what = `${ring}: ${test.fullName.trim()}`;
      if (test.status === 'passed') this.pass();
      else if (test.status === 'failed') this.fail(what);
      else if (test.status === 'pending') this.fail(`${what}: did not end`);
      else this.#skipped.push(what);
    }
    // A file that does not load has no test in it, and a hook that fails makes skipped tests of failed ones.
    if (status === 'failed' && this.failed === before)
      this.fail(`${ring}: ${name}: ${message.split('\n')[0] || 'failed outside of its tests'}`);
  }

  /** The last one is "N passed, N failed" and nothing else. */
  lines(): string[] {
    const skips = this.#skipped.map((what) => `  ${what}`);
    return [
      ...(skips.length > 0 ? [`${skips.length} skipped:`, ...skips] : []),
      ...this.#failures.map((what) => `FAILED ${what}`),
      `${this.#passed} passed, ${this.failed} failed`,
    ];
  }
}

function parse(text: string): TestReport | null {
  try {
    return JSON.parse(text) as TestReport;
  } catch {
    // Cut short while it was written.
    return null;
  }
}
