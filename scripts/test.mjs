// Runs the checks and test rings, one after another, and ends with the plain line "N passed, N failed".
//   node scripts/test.mjs lint | unit | all
// The counts are those of the test reports (tally.ts); what is skipped is told before, with its reason.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import './typescript-loader.mjs';

const { Tally } = await import('./tally.ts');

const reports = 'build/test';
const tally = new Tally();

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: 'inherit', timeout: 40 * 60_000, ...options });
  if (result.error) console.error(`${command}: ${result.error.message}`);
  return result.status ?? 1;
}

/** A check that either passes or fails as a whole. */
function check(name, command, args) {
  const started = Date.now();
  const ok = run(command, args) === 0;
  if (ok) tally.pass();
  else tally.fail(name);
  console.log(`${ok ? '  ok  ' : ' FAIL '} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

function lint() {
  const bin = (name) => join('node_modules/.bin', name);
  check('types (tsc --noEmit)', bin('tsc'), ['--noEmit', '-p', '.']);
  check('eslint', bin('eslint'), ['--max-warnings=0', '.']);
  check('format (prettier, clang-format)', process.execPath, ['scripts/format.mjs', '--check']);
}

/** One vitest project; its JSON report is counted. */
function ring(name) {
  const report = join(reports, `${name}.json`);
  rmSync(report, { force: true });
  const args = [
    'run',
    '--project',
    name,
    '--allowOnly=false',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const status = run('node_modules/.bin/vitest', args);
  count(name, status, report);
}

function count(name, status, report) {
  tally.addRing(name, status, existsSync(report) ? readFileSync(report, 'utf8') : null);
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
    tally.fail('the rings bpf, netns and vm need root: run make test as root or with sudo');
  } else {
    ring('bpf');
    ring('netns');
    oldestKernel();
  }
}

for (const line of tally.lines()) console.log(line);
process.exitCode = tally.failed > 0 ? 1 : 0;
