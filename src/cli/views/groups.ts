/** `detour groups`, and the groups' part of `detour status`. Pure. */
import type { GroupResource } from '../../api/resources/group.js';
import { renderTable } from '../table.js';
import { familyName, orderText, type ViewOptions } from './common.js';

export function groupTable(groups: readonly GroupResource[], options: ViewOptions): string[] {
  const rows = groups.map((group) => [
    group.group,
    familyName(group.family),
    group.active.length === 0 ? { text: 'none', tone: 'bad' as const } : group.active.join(', '),
    orderText(group.order),
    group.forced === null ? group.cause : { text: `forced ${group.forced}: ${group.cause}`, tone: 'warn' as const },
  ]);
  return renderTable(
    [
      { title: 'GROUP', shrink: true },
      { title: 'IP' },
      { title: 'ACTIVE', shrink: true },
      { title: 'ORDER', shrink: true },
      { title: 'CAUSE', shrink: true },
    ],
    rows,
    options,
  );
}
