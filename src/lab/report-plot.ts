/** One plot as SVG: packets by path over time, with a line for each step of the story. Pure. */
import { timeline } from './measure.js';
import type { StoryResult } from './story-parts.js';

const WIDTH = 960;
const HEIGHT = 250;
const LEFT = 52;
const RIGHT = 12;
const TOP = 46;
const BOTTOM = 26;
const SLICE_MS = 50;
const NS_PER_MS = 1e6;

const point = (x: number, y: number): string => `${x.toFixed(1)},${y.toFixed(1)}`;

/** A step line: a slice keeps its height for its whole width, so that a gap of one slice is seen as one. */
function steps(counts: readonly number[], x: (slice: number) => number, y: (count: number) => number): string {
  return counts.map((count, slice) => `${point(x(slice), y(count))} ${point(x(slice + 1), y(count))}`).join(' ');
}

export function plotSvg({ stream, marks, paths }: StoryResult): string {
  const { fromNs, counts } = timeline(stream, SLICE_MS, paths);
  const slices = counts[0]?.length ?? 1;
  const expected = (stream.packetsPerSecond * SLICE_MS) / 1000;
  const top = Math.max(expected, ...counts.map((row) => Math.max(...row)));
  const x = (slice: number): number => LEFT + (slice / slices) * (WIDTH - LEFT - RIGHT);
  const y = (count: number): number => HEIGHT - BOTTOM - (count / top) * (HEIGHT - TOP - BOTTOM);
  const ms = (atNs: bigint): number => Number(atNs - fromNs) / NS_PER_MS;

  const seconds = Array.from({ length: Math.floor((slices * SLICE_MS) / 1000) + 1 }, (_, second) => second);
  const axis = seconds.map((second) => {
    const at = x((second * 1000) / SLICE_MS).toFixed(1);
    return `<text x="${at}" y="${HEIGHT - 8}" text-anchor="middle" fill="var(--soft)">${second} s</text>`;
  });
  const faults = marks.map(({ name, atNs }, index) => {
    const at = x(ms(atNs) / SLICE_MS).toFixed(1);
    // Two rows of labels, so that neighbours do not overlap.
    const labelY = index % 2 === 0 ? 14 : 30;
    return (
      `<line x1="${at}" x2="${at}" y1="${labelY + 4}" y2="${HEIGHT - BOTTOM}" stroke="var(--fault)" stroke-dasharray="3 3"/>` +
      `<text x="${at}" y="${labelY}" text-anchor="middle" fill="var(--fault)">${name}</text>`
    );
  });
  const lines = counts.map((row, path) => {
    const shape = steps(row, x, y);
    const floor = `${point(x(slices), y(0))} ${point(x(0), y(0))}`;
    return (
      `<polygon points="${shape} ${floor}" fill="var(--path${path})" fill-opacity="0.18"/>` +
      `<polyline points="${shape}" fill="none" stroke="var(--path${path})" stroke-width="1.5"/>`
    );
  });
  const perSecond = Math.round((top * 1000) / SLICE_MS).toLocaleString('en');
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="packets by path over time">
<text x="${LEFT - 6}" y="${(y(top) + 4).toFixed(1)}" text-anchor="end" fill="var(--soft)">${perSecond}/s</text>
<text x="${LEFT - 6}" y="${(y(0) + 4).toFixed(1)}" text-anchor="end" fill="var(--soft)">0</text>
<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(0)}" y2="${y(0)}" stroke="var(--rule)"/>
${lines.join('\n')}
${faults.join('\n')}
${axis.join('\n')}
</svg>`;
}
