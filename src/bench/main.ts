/** `make bench [BENCH=name]`: runs benchmarks, prints a table of each and writes build/bench/<name>.json. Needs root. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { messageOf } from '../errors.js';
import { Interrupted, interruption } from '../lab/interruption.js';
import { forward } from './forward.js';
import { gateway } from './gateway.js';
import { idle } from './idle.js';
import { describeMachine } from './machine.js';
import type { Bench, BenchContext, BenchReport, Measured } from './result.js';
import { start } from './start.js';
import { renderResult } from './table.js';

const OUTPUT = 'build/bench';
const BENCHES: readonly Bench[] = [forward, idle, start, gateway];
/** sysexits.h, and what `detour` uses, too. */
const EXIT = { usage: 64, notPermitted: 77 };

async function withCleanUp(signal: AbortSignal, run: (context: BenchContext) => Promise<Measured>): Promise<Measured> {
  const undo: (() => void | Promise<void>)[] = [];
  try {
    return await run({
      say: (text) => console.error(`  ${text}`),
      defer: (action) => void undo.push(action),
      signal,
    });
  } finally {
    for (const action of undo.reverse()) {
      try {
        await action();
      } catch (error) {
        // What is left must still be undone.
        console.error(`bench: cleaning up: ${String(error)}`);
      }
    }
  }
}

async function runOne(bench: Bench, signal: AbortSignal): Promise<void> {
  console.error(`bench ${bench.name}`);
  const machine = describeMachine();
  const measured = await withCleanUp(signal, (context) => bench.run(context));
  const report: BenchReport = { bench: bench.name, machine, rows: measured.rows };
  mkdirSync(OUTPUT, { recursive: true });
  const file = `${OUTPUT}/${bench.name}.json`;
  writeFileSync(file, JSON.stringify(report, null, 2) + '\n');
  console.log(`${renderResult(bench.name, machine, measured)}\n\nwritten: ${file}\n`);
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
    for (const bench of BENCHES) if (names.length === 0 || names.includes(bench.name)) await runOne(bench, signal);
    return 0;
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error;
    console.error(`bench: ${messageOf(reason)}; cleaned up`);
    return reason instanceof Interrupted ? reason.exitCode : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
