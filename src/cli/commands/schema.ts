/** `detour schema`: the JSON Schema of the configuration, for editors. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

export function registerSchema(program: Command, context: CliContext): void {
  program
    .command('schema')
    .description('print the JSON Schema of the configuration, for editors that complete and check YAML')
    .addHelpText('after', example('detour schema > detour.schema.json'))
    .action(async () => {
      const { configJsonSchema } = await import('../../config/json-schema.js');
      context.out(configJsonSchema().trimEnd());
    });
}
