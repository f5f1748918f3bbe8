/** `make bench [BENCH=name]`: runs benchmarks, prints a table of each and writes build/bench/<name>.json. Needs root. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { messageOf } from '../errors.js';
import { Interrupted, interruption } from '../lab/interruption.js';
import { withCleanUp } from './clean-up.js';
import { forward } from './forward.js';
import { gateway } from './gateway.js';
import { idle } from './idle.js';
import { describeMachine } from './machine.js';
import type { Bench, BenchReport } from './result.js';
import { start } from './start.js';
import { renderResult } from './table.js';

const OUTPUT = 'build/bench';
const BENCHES: readonly Bench[] = [forward, idle, start, gateway];
/** sysexits.h, and what `detour` uses, too. */
const EXIT = { usage: 64, notPermitted: 77 };

function write(report: BenchReport): string {
  mkdirSync(OUTPUT, { recursive: true });
  const file = `${OUTPUT}/${report.bench}.json`;
  writeFileSync(file, JSON.stringify(report, null, 2) + '\n');
  return file;
}

/** @returns false: something is missing in it, as was said */
async function runOne(bench: Bench, signal: AbortSignal): Promise<boolean> {
  const { name } = bench;
  console.error(`bench ${name}`);
  const machine = describeMachine();
  const measured = await withCleanUp((defer) =>
    bench.run({
      say: (text) => console.error(`  ${text}`),
      defer,
      save: (rows) => void write({ bench: name, machine, rows, failures: ['not finished'] }),
      signal,
    }),
  );
  const { rows, failures = [] } = measured;
  const file = write({ bench: name, machine, rows, failures });
  console.log(`${renderResult(name, machine, measured)}\n\nwritten: ${file}\n`);
  for (const failure of failures) console.error(`bench: ${name}: FAILED: ${failure}`);
  return failures.length === 0;
}

async function main(names: readonly string[]): Promise<number> {
  const known = BENCHES.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    console.error(`bench: there is no benchmark "${unknown}"; there are: ${known.join(', ')}`);
    return EXIT.usage;
  }
  if (process.geteuid?.() !== 0) {
    console.error('bench: building network namespaces needs root: run "make bench" as root or with sudo');
    return EXIT.notPermitted;
  }
  const signal = interruption();
  try {
    let complete = true;
    for (const bench of BENCHES) {
      if (names.length > 0 && !names.includes(bench.name)) continue;
      complete = (await runOne(bench, signal)) && complete;
      signal.throwIfAborted();
    }
    return complete ? 0 : 1;
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error;
    console.error(`bench: ${messageOf(reason)}; cleaned up`);
    return reason instanceof Interrupted ? reason.exitCode : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
