import type { Command } from 'commander';
import { afterEach, expect, test, vi } from 'vitest';
import { buildProgram } from '../../src/cli/program.js';
import { runInProcess } from '../helpers/cli.js';
import { useController } from '../helpers/controller.js';
import { expectPage, replaceEach, replaceRegion } from '../helpers/docs.js';

const startController = useController();
afterEach(() => vi.unstubAllEnvs());

/** What a command prints in a terminal of 80 characters, with a controller of its own. */
async function sample(command: string): Promise<string> {
  const controller = await startController();
  controller.service.recordOneOfEach();
  vi.stubEnv('DETOUR_SOCKET', controller.socket);
  const { stdout, stderr } = await runInProcess(command.split(' '));
  return `\`\`\`console\n$ detour ${command}\n${stdout}${stderr}\`\`\``;
}

/** Commands and subcommands with the names that they are called by: "gateways pair". */
function named(command: Command, before = ''): { name: string; command: Command }[] {
  return command.commands
    .filter((one) => one.name() !== 'help' || before === '')
    .flatMap((one) => [{ name: before + one.name(), command: one }, ...named(one, `${before}${one.name()} `)]);
}

function reference(program: Command): string {
  return named(program)
    .map(({ name, command }) => section(name, command))
    .join('\n\n');
}

function section(name: string, command: Command): string {
  const options = command.options.filter((option) => !['--socket', '--url', '--token'].includes(option.long ?? ''));
  const rows = options.map((option) => `| \`${option.flags}\` | ${option.description.replaceAll('|', '\\|')} |`);
  const table = rows.length === 0 ? [] : ['', '| option | meaning |', '| --- | --- |', ...rows];
  const usage = command.usage().replace('[options]', '').trim();
  return [`### \`${`detour ${name} ${usage}`.trim()}\``, '', sentence(command.description()), ...table].join(
    '\n',
  );
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

test('docs/cli.md has every command with its options, and its samples are what the commands print', async () => {
  vi.stubEnv('TZ', 'UTC');
  const context = { out: () => {}, err: () => {}, color: false, width: () => 80, exit: () => {} };
  await expectPage('cli.md', async (text) => {
    const withCommands = replaceRegion(text, 'commands', reference(buildProgram(context)));
    return replaceEach(withCommands, /^```console\n\$ detour (.*)\n[\s\S]*?```$/gm, (command) => sample(command));
  });
});

test('every command has --help with an example', async () => {
  const context = { out: () => {}, err: () => {}, color: false, width: () => 80, exit: () => {} };
  for (const { name } of named(buildProgram(context))) {
    const { code, stdout } = await runInProcess([...name.split(' '), '--help']);
    expect(code, name).toBe(0);
    expect(stdout, name).toMatch(/\nExamples?:\n/);
  }
});
