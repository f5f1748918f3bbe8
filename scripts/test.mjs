// Runs the checks and test rings, one after another, and ends with the plain line "N passed, N failed".
//   node scripts/test.mjs lint | unit | all
// The counts are those of the test reports; a ring that dies before it reports counts as one failure.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const reports = 'build/test';
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

/** Files below `directory` with one of the endings. */
function files(directory, endings) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === 'build' ? [] : files(path, endings);
    return endings.some((ending) => path.endsWith(ending)) ? [path] : [];
  });
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: 'inherit', timeout: 40 * 60_000, ...options });
  if (result.error) console.error(`${command}: ${result.error.message}`);
  return result.status ?? 1;
}

/** A check that either passes or fails as a whole. */
function check(name, command, args) {
  const started = Date.now();
  const ok = run(command, args) === 0;
  totals[ok ? 'passed' : 'failed']++;
  if (!ok) failures.push(name);
  console.log(`${ok ? '  ok  ' : ' FAIL '} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

function lint() {
  const bin = (name) => join('node_modules/.bin', name);
  check('types (tsc --noEmit)', bin('tsc'), ['--noEmit', '-p', '.']);
  check('eslint', bin('eslint'), ['--max-warnings=0', 'src', 'test', 'scripts']);
  check('prettier', bin('prettier'), ['--log-level', 'warn', '--check', 'src', 'test', 'scripts', '*.{ts,js,json}']);
  const sources = [...files('bpf', ['.c', '.h']), ...files('native', ['.cc', '.h'])];
  check('clang-format', 'clang-format-19', ['--dry-run', '--Werror', ...sources]);
}

/** One vitest project; its JSON report is counted. */
function ring(name) {
  const report = join(reports, `${name}.json`);
  rmSync(report, { force: true });
  const args = ['run', '--project', name, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const status = run('node_modules/.bin/vitest', args);
  count(name, status, report);
}

function count(name, status, report) {
  if (!existsSync(report)) {
    totals.failed++;
    failures.push(`${name}: ended with status ${status} and no report`);
    return;
  }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  totals.passed += numPassedTests;
  totals.failed += numFailedTests;
  totals.skipped += numPendingTests + numTodoTests;
  for (const file of testResults) {
    for (const test of file.assertionResults) if (test.status === 'failed') failures.push(`${name}: ${test.fullName}`);
    // A file that does not even load has no failed test in it.
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
      totals.failed++;
      failures.push(`${name}: ${file.name}: ${file.message.split('\n')[0]}`);
    }
  }
  if (status !== 0 && numFailedTests === 0 && failures.length === 0) {
    totals.failed++;
    failures.push(`${name}: no test failed, but it ended with status ${status}`);
  }
}

/** The short form on the oldest supported kernel: every object loads, all BPF_PROG_TEST_RUN rows. */
function oldestKernel() {
  const report = join(reports, 'vm-6.1.json');
  rmSync(report, { force: true });
  count('vm 6.1', run('scripts/test-vm.sh', ['--short', '6.1'], { env: { ...process.env, REPORT: report } }), report);
}

const what = process.argv[2] ?? 'all';
mkdirSync(reports, { recursive: true });
if (what === 'lint' || what === 'all') lint();
if (what === 'unit' || what === 'all') ring('unit');
if (what === 'all') {
  if (process.getuid?.() !== 0) {
    totals.failed++;
    failures.push('the rings bpf, netns and vm need root: run make test as root or with sudo');
  } else {
    ring('bpf');
    ring('netns');
    oldestKernel();
  }
}

for (const failure of failures) console.log(`FAILED ${failure}`);
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exitCode = totals.failed > 0 ? 1 : 0;
