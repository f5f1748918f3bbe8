/** Findings as text for people and as JSON. Pure. */
import { paint, type Tone } from '../table.js';
import { wrap } from '../text.js';
import type { Finding, FindingStatus } from './finding.js';

const LABELS: Record<FindingStatus, { text: string; tone: Tone }> = {
  ok: { text: 'ok  ', tone: 'good' },
  warn: { text: 'warn', tone: 'warn' },
  fail: { text: 'FAIL', tone: 'bad' },
  skip: { text: 'skip', tone: 'dim' },
};
const HEADINGS: Record<Finding['section'], string> = {
  machine: 'Machine',
  network: 'Network',
  interface: 'Interfaces',
  configuration: 'Configuration',
};
/** Under the titles: "  warn  Kernel BTF              ...". */
const INDENT = 8;

export interface Summary {
  ok: number;
  warn: number;
  fail: number;
  skip: number;
}

export function summarise(findings: readonly Finding[]): Summary {
  const summary: Summary = { ok: 0, warn: 0, fail: 0, skip: 0 };
  for (const { status } of findings) summary[status]++;
  return summary;
}

/** Stable: fields are only ever added. */
export function doctorJson(findings: readonly Finding[]): string {
  const summary = summarise(findings);
  return JSON.stringify({ ok: summary.fail === 0, summary, checks: findings }, null, 2);
}

export function doctorText(findings: readonly Finding[], options: { width: number; color: boolean }): string[] {
  const titleWidth = Math.max(...findings.map(({ title }) => title.length), 0) + 2;
  const lines: string[] = [];
  let heading = '';
  for (const finding of bySubject(findings)) {
    const section = HEADINGS[finding.section];
    const here = finding.subject === null ? section : `${section}: ${finding.subject}`;
    if (here !== heading) {
      if (heading !== '') lines.push('');
      lines.push(paint(here, 'bold', options.color));
      heading = here;
    }
    lines.push(...findingLines(finding, titleWidth, options));
  }
  const { ok, warn, fail, skip } = summarise(findings);
  return [...lines, '', `${ok} ok, ${warn} to look at, ${fail} failed, ${skip} not known`];
}

function findingLines(
  finding: Finding,
  titleWidth: number,
  { width, color }: { width: number; color: boolean },
): string[] {
  const label = LABELS[finding.status];
  const detailAt = INDENT + titleWidth;
  const detail = wrap(finding.detail, width - detailAt, 0).map((line, index) =>
    index === 0
      ? `  ${paint(label.text, label.tone, color)}  ${finding.title.padEnd(titleWidth)}${line}`
      : ' '.repeat(detailAt) + line,
  );
  if (finding.remedy === null || finding.status === 'ok') return detail;
  const remedy = wrap(finding.remedy, width - INDENT - 3, 0);
  return [...detail, ...remedy.map((line, index) => `${' '.repeat(INDENT)}${index === 0 ? '-> ' : '   '}${line}`)];
}

/** Sections in their order; within the interfaces, everything about one together. */
function bySubject(findings: readonly Finding[]): Finding[] {
  const sections = Object.keys(HEADINGS);
  const subjects = [...new Set(findings.map(({ subject }) => subject))];
  const rank = ({ section, subject }: Finding): number =>
    sections.indexOf(section) * (subjects.length + 1) + subjects.indexOf(subject);
  return [...findings].sort((a, b) => rank(a) - rank(b));
}
