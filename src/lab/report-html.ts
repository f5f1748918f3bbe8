/** report.html: one page without scripts or outside resources; the plots are inline SVG. Pure. */
import { release } from 'node:os';
import { dialogueSvg } from './report-dialogue.js';
import { plotSvg } from './report-plot.js';
import type { StoryCase, StoryResult } from './story-parts.js';

const style = `
  :root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6675; --rule: #d5dae1; --paper: #fff;
          --path0: #1f6fb5; --path1: #c8611a; --fault: #b3261e; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e4e8ee; --soft: #9aa5b4; --rule: #39424f; --paper: #14181f; --path0: #62aee8; --path1: #ee9a56; --fault: #f2857d; } }
  body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
  p, figcaption { color: var(--soft); max-width: 46rem; }
  .key { display: inline-block; width: .7em; height: .7em; margin: 0 .3em 0 .8em; }
  figure { margin: 0; } svg { min-width: 40rem; } svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; }
  .scroll { overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
  th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
  th { color: var(--soft); font-weight: 600; } td.n, th.n { text-align: right; }
  th { vertical-align: bottom; } td:not(:last-child) { white-space: nowrap; } td:last-child { min-width: 16rem; }
`;

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character] ?? '');

const ms = (value: number | null): string => (value === null ? '' : `${value.toFixed(1)} ms`);

interface Column {
  title: string;
  cell: (entry: StoryCase) => string;
  text?: boolean;
}

const columns: Column[] = [
  { title: 'event', cell: ({ name }) => name, text: true },
  { title: 'detected after', cell: ({ detect_ms }) => `${detect_ms.toFixed(2)} ms` },
  { title: 'carrying after', cell: ({ elect_ms }) => ms(elect_ms) },
  { title: 'packets lost', cell: ({ lost }) => String(lost) },
  { title: 'outage', cell: ({ outage_ms }) => ms(outage_ms) },
  { title: 'disarmed after', cell: ({ disarm_ms }) => ms(disarm_ms) },
  { title: 'path after', cell: ({ path_after }) => path_after, text: true },
  { title: "cause, in the controller's words", cell: ({ cause }) => cause, text: true },
];

/** Columns that say nothing in this act are left out. */
function table({ cases }: StoryResult): string {
  const shown = columns.filter(({ cell }) => cases.some((entry) => cell(entry) !== ''));
  const kind = (column: Column): string => (column.text ? '' : ' class="n"');
  const head = shown.map((column) => `<th${kind(column)}>${escape(column.title)}</th>`).join('');
  const rows = cases.map(
    (entry) => `<tr>${shown.map((column) => `<td${kind(column)}>${escape(column.cell(entry))}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}

function section(result: StoryResult): string {
  const pauseMs = (result.stream.maxGapUs / 1000).toFixed(1);
  const key = result.pathNames.map(
    (name, path) => `<span class="key" style="background: var(--path${path})"></span>${escape(name)}`,
  );
  const dialogue = result.dialogue
    ? `<figure><div class="scroll">${dialogueSvg(result.dialogue)}</div>
<figcaption>What ${escape(result.dialogue.between.join(' and '))} said to each other, as it passed the node's interface; routine messages that only repeat the last one are left out. Times are from its first line on; names of messages are those of docs/gateway-protocol.md.</figcaption></figure>`
    : '';
  return `<h2>${escape(result.title)}</h2>
<figure><div class="scroll">${plotSvg(result)}</div>
<figcaption>${key.join('')}. Packets that arrived at the far server, by the path that they took, in slices of 50 ms. The source's own longest
pause was ${pauseMs} ms; it is not counted as outage.</figcaption></figure>
${table(result)}
${dialogue}`;
}

export interface ReportFacts {
  /** When it was measured. */
  at: Date;
  remarks: readonly string[];
}

export function reportHtml(results: readonly StoryResult[], { at, remarks }: ReportFacts): string {
  const rate = results[0]?.stream.packetsPerSecond ?? 0;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Detour: what the demo's traffic went through</title><style>${style}</style></head><body>
<h1>What the demo's traffic went through</h1>
<p>A client sends ${rate.toLocaleString('en')} numbered packets a second through the router to a far server. The primary
uplink is cut, silenced and drained, and each time comes back (silent: the carrier stays, everything beyond the gateway is dropped). In the second act
the router has one line, and a phone on the LAN that it elects when the line is cut: cold, when it is needed, and warm, beforehand. Lost packets are those that
never arrived. Measured ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC, Linux ${escape(release())}.</p>
<p>Detected after: from the fault to the controller's event. Carrying after: from there to the first packet that came through the phone.
Disarmed after: from the router's RELEASE to the phone's RELEASED.</p>
${remarks.map((remark) => `<p><strong>${escape(remark)}.</strong></p>`).join('\n')}
${results.map(section).join('\n')}
</body></html>
`;
}
