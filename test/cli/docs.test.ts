import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { afterEach, expect, test, vi } from 'vitest';
import { buildProgram } from '../../src/cli/program.js';
import { decodePairing } from '../../src/gateway/pairing/format.js';
import { parseKeyLine } from '../../src/gateway/pairing/index.js';
import { runInProcess } from '../helpers/cli.js';
import { configOf } from '../helpers/config.js';
import { useController } from '../helpers/controller.js';
import { expectPage, replaceEach, replaceRegion } from '../helpers/docs.js';
import { fakeGateway } from '../helpers/fake-gateways.js';

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
  return [`### \`${`detour ${name} ${usage}`.trim()}\``, '', sentence(command.description()), ...table].join('\n');
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

/** The story of docs/gateways.md: a phone, before the line is cut and after. */
const story = {
  offered: fakeGateway({
    state: 'offered',
    sinceMs: 95_000,
    cause: 'advertises',
    uplink: null,
    why: 'not needed; the best of 1',
    measured: [],
    lease: null,
    usage: { toNetworkBytes: 0n, fromNetworkBytes: 0n, budget: budgetOf(0n) },
  }),
  elected: fakeGateway({
    sinceMs: 41_000,
    lease: { role: 'active', sinceMs: 41_000, leftMs: 12_800 },
    measured: [4, 6].map((family) => ({ family: family as 4 | 6, state: 'good', lossPercent: 0, rttUs: 39_400 })),
    usage: { toNetworkBytes: 4_100_000n, fromNetworkBytes: 41_000_000n, budget: budgetOf(45_100_000n) },
  }),
};

function budgetOf(usedBytes: bigint) {
  return { usedBytes, limitBytes: 2_000_000_000n, per: 'month' as const, exhausted: false };
}

async function storySample(state: 'offered' | 'elected', command: string): Promise<string> {
  const { service, socket } = await startController();
  const need = { ...service.gatewaysStatus.need, ...(state === 'offered' ? { active: [] } : {}) };
  Object.assign(service.gatewaysStatus, { need, gateways: [story[state]], unpaired: [], discarded: {} });
  vi.stubEnv('DETOUR_SOCKET', socket);
  return (await runInProcess(command.split(' '))).stdout;
}

test('docs/gateways.md shows what the commands print, and its configuration, key and commands are right', async () => {
  vi.stubEnv('TZ', 'UTC');
  await expectPage('gateways.md', (text) =>
    replaceEach(
      text,
      /^<!-- while it is (offered|elected) -->\n\n```console\n\$ detour (.*)\n[\s\S]*?```$/gm,
      async (state, command) => {
        const output = await storySample(state as keyof typeof story, command);
        return `<!-- while it is ${state} -->\n\n\`\`\`console\n$ detour ${command}\n${output}\`\`\``;
      },
    ),
  );
  const text = readFileSync('docs/gateways.md', 'utf8');
  expect(configOf(/```yaml\n([\s\S]*?)```/.exec(text)![1]!).gateways).toMatchObject({ interfaces: ['eth0'] });
  const line = parseKeyLine(/^detour-gw1:\S+$/m.exec(text)![0], 0);
  const file = decodePairing(/```json\n([\s\S]*?)```/.exec(text)![1]!, 'phone');
  expect(file).toMatchObject({ name: 'phone', keys: [{ id: line.key.id }] });
  expect(text).toContain(`(${line.router}), which calls this machine "${line.nodeName}"`);

  const context = { out: () => {}, err: () => {}, color: false, width: () => 80, exit: () => {} };
  const known = named(buildProgram(context)).map(({ name }) => name);
  for (const [, command] of text.matchAll(/detour (gateways?(?: [a-z]+)?)\b/g)) expect.soft(known).toContain(command);
});

test('every command has --help with an example', async () => {
  const context = { out: () => {}, err: () => {}, color: false, width: () => 80, exit: () => {} };
  for (const { name } of named(buildProgram(context))) {
    const { code, stdout } = await runInProcess([...name.split(' '), '--help']);
    expect(code, name).toBe(0);
    expect(stdout, name).toMatch(/\nExamples?:\n/);
  }
});
