/** A message-sequence chart as SVG: two lifelines, time downwards, an arrow for each message. Pure. */
import type { Dialogue } from './story-parts.js';

const WIDTH = 760;
const LEFT = 150;
const RIGHT = 610;
const TOP = 34;
const ROW = 26;
const NS_PER_MS = 1e6;

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character] ?? '');

/** Rows are equally high, whatever time lies between them: it stands beside each. */
export function dialogueSvg({ between, lines }: Dialogue): string {
  const height = TOP + lines.length * ROW + 16;
  const startNs = lines[0]?.atNs ?? 0n;
  const rows = lines.map((line, index) => {
    const y = TOP + index * ROW + 20;
    const ms = (Number(line.atNs - startNs) / NS_PER_MS).toFixed(1);
    const time = `<text x="${LEFT - 14}" y="${y}" text-anchor="end" fill="var(--soft)">${ms} ms</text>`;
    if ('note' in line)
      return `${time}<text x="${(LEFT + RIGHT) / 2}" y="${y}" text-anchor="middle" fill="var(--fault)">${escape(line.note)}</text>`;
    const [from, to] = line.from === 'left' ? [LEFT, RIGHT] : [RIGHT, LEFT];
    const head = to === RIGHT ? -8 : 8;
    return (
      `${time}<line x1="${from}" x2="${to}" y1="${y}" y2="${y}" stroke="var(--path${line.from === 'left' ? 0 : 1})"/>` +
      `<polygon points="${to},${y} ${to + head},${y - 4} ${to + head},${y + 4}" fill="var(--path${line.from === 'left' ? 0 : 1})"/>` +
      `<text x="${(LEFT + RIGHT) / 2}" y="${y - 4}" text-anchor="middle" fill="var(--ink)">${escape(line.label)}</text>`
    );
  });
  const lifelines = ([LEFT, RIGHT] as const).map(
    (x, side) =>
      `<text x="${x}" y="16" text-anchor="middle" font-weight="600" fill="var(--ink)">${escape(between[side] ?? '')}</text>` +
      `<line x1="${x}" x2="${x}" y1="22" y2="${height}" stroke="var(--rule)"/>`,
  );
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="messages between ${escape(between.join(' and '))}">
${[...lifelines, ...rows].join('\n')}
</svg>`;
}
