/** What `drain` and `undrain` have in common: ask, and say how the uplink is now. */
import type { UplinkResource } from '../api/resources/uplink.js';
import { clientFrom, type ClientOptions } from './client-options.js';
import type { CliContext } from './context.js';
import { familyName } from './views/common.js';

export interface CommandOptions extends ClientOptions {
  json?: true;
}

export async function commandUplink(
  command: 'drain' | 'undrain',
  name: string,
  options: CommandOptions,
  context: CliContext,
): Promise<void> {
  const client = clientFrom(options);
  const path = `/v1/uplinks/${encodeURIComponent(name)}`;
  const before = await client.get<UplinkResource>(path);
  const uplink = await client.post<UplinkResource>(`${path}/${command}`);
  if (options.json) return context.out(JSON.stringify(uplink, null, 2));
  const paths = uplink.paths.map((each) => `${familyName(each.family)} ${each.state}`).join(', ');
  context.out(`${uplink.name} ${outcome(before.drained, uplink.drained)}: ${paths}`);
}

function outcome(before: boolean, now: boolean): string {
  if (before === now) return now ? 'was drained already' : 'was not drained';
  return now ? 'is drained' : 'is no longer drained';
}
