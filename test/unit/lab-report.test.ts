/** report.html: one page that any browser reads, with everything that was measured in it. */
import { describe, expect, it } from 'vitest';
import { remarks } from '../../src/lab/report.js';
import { reportHtml } from '../../src/lab/report-html.js';
import type { StoryResult } from '../../src/lab/story-parts.js';
import type { CaseName } from '../../src/lab/story.js';

const MS = 1_000_000n;
const NAMES: CaseName[] = ['link-cut', 'link-return', 'silent', 'silent-return', 'drain', 'undrain'];
/** Interface in the far namespace -> path, as of a lab with two gateways. */
const PATHS = new Map([
  [7, 0],
  [9, 1],
]);

/** 600 packets, one a millisecond; the path changes every hundred, and the first of each hundred is lost. */
function result(family: 4 | 6): StoryResult {
  const sent = Array.from({ length: 600 }, (_, index) => BigInt(index + 1) * MS);
  const lost = (index: number): boolean => index % 100 === 0;
  return {
    title: `Two uplinks, IPv${family}`,
    family,
    pathNames: ['primary', 'backup'],
    paths: PATHS,
    cases: NAMES.map((name, index) => ({
      name,
      family,
      lost: 1000 * family + index,
      outage_ms: 10 * family + index,
      detect_ms: index + 0.25,
      elect_ms: null,
      disarm_ms: null,
      path_after: index % 2 === 0 ? 'backup' : 'primary',
      pause_ms: family === 6 && name === 'silent' ? 123.4 : 0.2,
      cause: `3 of 5 probes to <${family}> lost & "none" came back`,
    })),
    marks: NAMES.map((name, index) => ({ name, atNs: BigInt(100 * index + 1) * MS })),
    stream: {
      transmitNs: BigInt64Array.from(sent),
      receiveNs: BigInt64Array.from(sent, (ns, index) => (lost(index) ? 0n : ns)),
      ifindex: Int32Array.from(sent, (_, index) => (lost(index) ? 0 : Math.floor(index / 100) % 2 === 0 ? 9 : 7)),
      packetsPerSecond: 1000,
      maxGapUs: 2500,
    },
  };
}

/** What is not well-formed: unclosed or crossed elements, unquoted attributes, bare ampersands. */
function faults(html: string): string[] {
  const found: string[] = [];
  const open: string[] = [];
  const markup = html.replace(/^<!doctype html>\n/, '').replace(/<style>[^<]*<\/style>/, '<style></style>');
  for (const [, end, name = '', attributes = '', single] of markup.matchAll(/<(\/?)([^\s/>]*)([^>]*?)(\/?)>/g)) {
    if (!/^[a-z][a-z0-9]*$/.test(name)) found.push(`<${name}> is no element`);
    if (!/^(\s+[\w-]+="[^"<]*")*\s*$/.test(attributes)) found.push(`<${name}>: attributes ${attributes}`);
    if (end === '/' && open.pop() !== name) found.push(`</${name}> closes something else`);
    // The only element here that has no end in HTML.
    if (end === '' && single === '' && name !== 'meta') open.push(name);
  }
  found.push(...open.map((name) => `<${name}> is not closed`));
  const text = markup.replaceAll(/<[^>]*>/g, '');
  if (/[<>"]/.test(text.replaceAll(/\s/g, ''))) found.push('a bare < > or " in the text');
  if (/&(?!amp;|lt;|gt;|quot;)/.test(markup)) found.push('a bare &');
  return found;
}

const count = (text: string, part: string): number => text.split(part).length - 1;

describe('the page of the demo', () => {
  const html = reportHtml([result(4), result(6)], {
    at: new Date('2026-05-04T03:02:01Z'),
    remarks: remarks([result(4), result(6)]),
  });

  it('is well-formed, whatever the controller’s words are', () => {
    expect(faults(html)).toEqual([]);
    expect(html).toContain('3 of 5 probes to &lt;4&gt; lost &amp; &quot;none&quot; came back');
  });

  it('says when it was measured, and where the source paused', () => {
    expect(html).toContain('Measured 2026-05-04 03:02 UTC');
    const said = 'silent, IPv6: the source itself paused for 123 ms';
    expect([count(html, said), count(html, 'the source itself paused')]).toEqual([1, 1]);
  });

  it('says from when to when the times of its columns are', () => {
    for (const time of ['Detected', 'Carrying', 'Disarmed']) expect(html).toContain(`${time} after: from `);
  });

  it('needs nothing from outside and runs nothing', () => {
    expect(html).not.toMatch(/<script|<link|<img|\b(?:src|href)=|url\(|@import|https?:/);
  });

  it('draws a line for each path and a mark for each event, in each family', () => {
    const plots = html.match(/<svg[\s\S]*?<\/svg>/g) ?? [];
    expect(plots).toHaveLength(2);
    for (const plot of plots) {
      const lines = [...plot.matchAll(/<polyline points="([^"]*)" fill="none" stroke="var\(--path(\d)\)"/g)];
      expect(lines.map(([, , path]) => path)).toEqual(['0', '1']);
      // 600 ms and one slice, in slices of 50 ms, of which each is drawn by its two ends.
      for (const [, points = ''] of lines) expect(points.split(' ')).toHaveLength(2 * 13);
      expect(plot).not.toMatch(/NaN|Infinity|undefined/);
      for (const name of NAMES) expect(count(plot, `>${name}</text>`), name).toBe(1);
    }
    for (const name of ['primary', 'backup']) expect(count(html, `</span>${name}`), name).toBe(2);
  });

  it('has a row for each event of each family, with its numbers and its cause', () => {
    const rows = (html.match(/<tr>(?:(?!<th)[\s\S])*?<\/tr>/g) ?? []).map((row) =>
      [...row.matchAll(/<td[^>]*>([^<]*)<\/td>/g)].map(([, cell]) => cell),
    );
    expect(rows).toHaveLength(2 * NAMES.length);
    expect(rows[0]).toEqual(['link-cut', '0.25 ms', '4000', '40.0 ms', 'backup', expect.stringContaining('3 of 5')]);
    expect(rows.at(-1)).toEqual(['undrain', '5.25 ms', '6005', '65.0 ms', 'primary', expect.anything()]);
  });
});

describe('the check of the page', () => {
  it.each(['<p>a<b>c</p></b>', '<p>a', '<p class=a>b</p>', '<p>a & b</p>', '<p>a > b</p>'])('finds %s', (html) => {
    expect(faults(html)).not.toEqual([]);
  });
});
