/** What `make demo` plays and writes, in the lab of src/lab/topology.ts, with less traffic than the demo's. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../../../src/lab/report.js';
import type { StoryResult } from '../../../src/lab/story-parts.js';
import { tell } from '../../../src/lab/story.js';
import { LabStream } from '../../../src/lab/stream.js';
import { LabRun } from '../../helpers/lab-run.js';
import { PACKETS_PER_SECOND } from '../../helpers/lab-traffic.js';
import { SLOWNESS } from '../../helpers/poll.js';

const MAX_SECONDS = 60 * SLOWNESS;
/** No time that a busy machine could need: that of a failover that does not happen until a person looks. */
const WORST_MS = 10_000 * SLOWNESS;

interface ReportCase {
  name: string;
  family: string;
  lost: number;
  outage_ms: number;
  detect_ms: number;
  path_after: string;
}

describe('the story of the demo', () => {
  let run: LabRun;
  let directory: string;
  const results: StoryResult[] = [];
  let table: string;
  let cases: ReportCase[];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'detour-test-'));
    run = new LabRun();
    await run.start();
    for (const family of [4, 6] as const) results.push(await play(family));
    table = writeReport(directory, results);
    ({ cases } = JSON.parse(readFileSync(join(directory, 'report.json'), 'utf8')) as { cases: ReportCase[] });
  });

  afterAll(async () => {
    await run?.destroy();
    rmSync(directory, { recursive: true, force: true });
  });

  async function play(family: 4 | 6): Promise<StoryResult> {
    const { names } = run.lab;
    const stream = new LabStream({ names, family, packetsPerSecond: PACKETS_PER_SECOND, maxSeconds: MAX_SECONDS });
    try {
      const { lab, controller } = run;
      return await tell({
        lab,
        controller: controller!,
        stream,
        family,
        say: () => {},
        eventTimeoutMs: 60_000 * SLOWNESS,
      });
    } finally {
      stream.stop();
    }
  }

  it('is told in report.json: six events for each family, in order, and the path after each', () => {
    expect(cases.map(({ name, family, path_after }) => [name, family, path_after])).toEqual(
      ['ipv4', 'ipv6'].flatMap((family) => [
        ['link-cut', family, 'backup'],
        ['link-return', family, 'primary'],
        ['silent', family, 'backup'],
        ['silent-return', family, 'primary'],
        ['drain', family, 'backup'],
        ['undrain', family, 'primary'],
      ]),
    );
    for (const entry of cases)
      expect(entry).toEqual({
        name: expect.any(String),
        family: expect.any(String),
        lost: expect.any(Number),
        outage_ms: expect.any(Number),
        detect_ms: expect.any(Number),
        path_after: expect.any(String),
      });
  });

  it('loses no packet where nothing is broken: returns, drain and undrain', () => {
    const harmless = cases.filter(({ name }) => !['link-cut', 'silent'].includes(name));
    expect(harmless.map(({ name, family, lost, outage_ms }) => [name, family, lost, outage_ms])).toEqual(
      harmless.map(({ name, family }) => [name, family, 0, 0]),
    );
  });

  it('loses packets only until the fault is noticed', () => {
    for (const { name, family, lost, outage_ms, detect_ms } of cases) {
      if (!['link-cut', 'silent'].includes(name)) continue;
      const what = `${name} ${family}`;
      // Lost replies are the only sign of a silent path: some packets have to go first.
      if (name === 'silent') expect(lost, what).toBeGreaterThan(0);
      expect(outage_ms, what).toBeLessThan(WORST_MS);
      expect(detect_ms, what).toBeLessThan(WORST_MS);
      expect(outage_ms, what).toBeCloseTo((lost * 1000) / PACKETS_PER_SECOND, 6);
    }
  });

  it('has a table for the terminal and a page, each with every event', () => {
    const page = readFileSync(join(directory, 'report.html'), 'utf8');
    // Below a blank line there may be remarks: where the machine was busy, and the source itself paused.
    expect(table.split('\n\n')[0]?.split('\n')).toHaveLength(2 + cases.length);
    for (const { name, lost, path_after } of cases) {
      expect(table).toMatch(new RegExp(`^${name} .* ${lost} .*${path_after}$`, 'm'));
      expect(page).toContain(`<td>${name}</td>`);
    }
  });
});
