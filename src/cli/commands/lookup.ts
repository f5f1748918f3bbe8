/** `detour lookup`: where a packet would go, and why. */
import type { Command } from 'commander';
import { DetourError, messageOf } from '../../errors.js';
import { IpAddress, type Family } from '../../net/ip-address.js';
import type { LookupResource } from '../../api/resources/lookup.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

interface LookupOptions extends ClientOptions {
  from?: string;
  json?: true;
}

export function registerLookup(program: Command, context: CliContext): void {
  addClientOptions(program.command('lookup'))
    .description('say which route, group and uplink an address takes, and why; sends nothing')
    .argument('<to>', 'destination address')
    .option('--from <address>', 'source address: it decides which of several uplinks a flow takes')
    .option('--json', 'print the answer of the API')
    .addHelpText('after', example('detour lookup 198.51.100.7', 'detour lookup 2001:db8::7 --from 2001:db8:1::9'))
    .action(async (to: string, options: LookupOptions) => {
      requireAddresses(to, options.from);
      const query = new URLSearchParams({ to, ...(options.from === undefined ? {} : { from: options.from }) });
      const answer = await clientFrom(options).get<LookupResource>(`/v1/lookup?${query.toString()}`);
      if (options.json) return context.out(JSON.stringify(answer, null, 2));
      const { renderLookup } = await import('../views/lookup.js');
      renderLookup(answer, { width: context.width(), color: context.color }).forEach((line) => context.out(line));
    });
}

/** Before the API is asked, whose words are those of its query. @throws DetourError USAGE */
function requireAddresses(to: string, from: string | undefined): void {
  const family = familyOf(to, '<to>');
  if (from === undefined || familyOf(from, '--from') === family) return;
  throw new DetourError('USAGE', { reason: `--from ${from} is no IPv${family} address, but ${to} is` });
}

function familyOf(text: string, where: string): Family {
  const usage = (reason: string): DetourError => new DetourError('USAGE', { reason: `${where}: ${reason}` });
  if (text.includes('/')) throw usage(`"${text}" is a prefix; give one address of it`);
  try {
    return IpAddress.parse(text).family;
  } catch (error) {
    throw usage(messageOf(error));
  }
}
