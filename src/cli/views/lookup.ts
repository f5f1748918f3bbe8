/** `detour lookup`: one sentence, then the steps that led to it. Pure. */
import type { LookupResource } from '../../api/resources/lookup.js';
import { wrap } from '../text.js';
import type { ViewOptions } from './common.js';

export function renderLookup(lookup: LookupResource, { width }: ViewOptions): string[] {
  const from = lookup.from === null ? '' : ` from ${lookup.from}`;
  return [
    ...wrap(`${lookup.to}${from}: ${way(lookup)}`, width),
    ...lookup.why.flatMap((step, index) => numbered(index + 1, step, width)),
  ];
}

function way(lookup: LookupResource): string {
  if (lookup.prefix === null) return lookup.target === 'stack' ? 'left to the stack' : 'no route';
  const route = `${lookup.prefix} -> ${lookup.target}`;
  if (lookup.interface === null) return `${route}, not forwarded`;
  const uplink = lookup.uplink === null ? '' : ` -> uplink ${lookup.uplink}`;
  const gateway = lookup.gateway === null ? '' : ` via ${lookup.gateway}`;
  const by = lookup.forwardedBy === 'none' ? 'not forwarded' : `by ${lookup.forwardedBy}`;
  return `${route}${uplink}${gateway} dev ${lookup.interface}, ${by}`;
}

function numbered(number: number, step: string, width: number): string[] {
  const label = `  ${number}. `;
  return wrap(step, width - label.length, 0).map(
    (line, index) => (index === 0 ? label : ' '.repeat(label.length)) + line,
  );
}
