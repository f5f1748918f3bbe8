/** `detour gateway routers`. Pure. */
import { renderTable } from '../table.js';
import { formatTime } from '../units.js';
import type { ViewOptions } from './common.js';

export interface RouterPairing {
  name: string;
  id: string | null;
  /** Oldest first. */
  keys: { id: string; created: string }[];
}

export function renderRouters(routers: readonly RouterPairing[], options: ViewOptions): string[] {
  if (routers.length === 0) return ['paired with no router: detour gateway join'];
  const rows = routers.map(({ name, id, keys }) => [
    name,
    id ?? '-',
    keys.map((key) => key.id).join(' -> '),
    formatTime(keys.at(-1)?.created ?? ''),
  ]);
  return renderTable(
    [{ title: 'ROUTER' }, { title: 'ID', shrink: true }, { title: 'KEY', shrink: true }, { title: 'JOINED' }],
    rows,
    options,
  );
}
