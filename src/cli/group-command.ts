/** What `force` and `auto` have in common: ask, and say which uplinks carry traffic now. */
import type { GroupResource } from '../api/resources/group.js';
import type { UplinkResource } from '../api/resources/uplink.js';
import { clientFrom, type ClientOptions } from './client-options.js';
import type { CliContext } from './context.js';
import { wrap } from './text.js';
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
  const client = clientFrom(options);
  const path = `/v1/groups/${encodeURIComponent(group)}/${command}`;
  const answer = await client.post<{ groups: GroupResource[] }>(path, body);
  if (options.json) return context.out(JSON.stringify(answer, null, 2));
  for (const view of answer.groups) {
    const how = view.forced === null ? 'decides by itself' : `is forced to ${view.forced}`;
    const active = view.active.join(', ') || 'no uplink';
    context.out(`${view.group} ${familyName(view.family)} ${how}; in use: ${active}`);
    if (view.forced !== null && !view.active.includes(view.forced)) {
      const uplink = await client.get<UplinkResource>(`/v1/uplinks/${encodeURIComponent(view.forced)}`);
      for (const line of notYet(view, uplink)) wrap(line, context.width()).forEach((part) => context.out(part));
    }
  }
}

/** A force onto what cannot carry traffic now is not lost, but it is not what was asked for either. */
function notYet({ family, active }: GroupResource, { name, paths }: UplinkResource): string[] {
  const carried = active.length === 0 ? 'nothing carries the traffic' : `the traffic goes by ${active.join(', ')}`;
  return paths
    .filter((path) => path.family === family)
    .map((path) => `! ${name} ${familyName(family)} is ${path.state}, ${carried} until it can be used: ${path.cause}`);
}
