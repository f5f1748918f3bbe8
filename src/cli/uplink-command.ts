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
  const path = `/v1/uplinks/${encodeURIComponent(name)}/${command}`;
  const uplink = await clientFrom(options).post<UplinkResource>(path);
  if (options.json) return context.out(JSON.stringify(uplink, null, 2));
  const paths = uplink.paths.map((each) => `${familyName(each.family)} ${each.state}`).join(', ');
  context.out(`${uplink.name} is ${uplink.drained ? 'drained' : 'no longer drained'}: ${paths}`);
}
