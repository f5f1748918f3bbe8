/** What `force` and `auto` have in common: ask, and say which uplinks carry traffic now. */
import type { GroupResource } from '../api/resources/group.js';
import { clientFrom, type ClientOptions } from './client-options.js';
import type { CliContext } from './context.js';
import { familyName } from './views/common.js';

export interface CommandOptions extends ClientOptions {
  json?: true;
}

export async function commandGroup(
  command: 'force' | 'auto',
  group: string,
  body: { uplink: string } | undefined,
  options: CommandOptions,
  context: CliContext,
): Promise<void> {
  const path = `/v1/groups/${encodeURIComponent(group)}/${command}`;
  const answer = await clientFrom(options).post<{ groups: GroupResource[] }>(path, body);
  if (options.json) return context.out(JSON.stringify(answer, null, 2));
  for (const view of answer.groups) {
    const how = view.forced === null ? 'decides by itself' : `is forced to ${view.forced}`;
    const active = view.active.join(', ') || 'no uplink';
    context.out(`${view.group} ${familyName(view.family)} ${how}; in use: ${active}`);
  }
}
