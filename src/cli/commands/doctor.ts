/** `detour doctor`: what of this machine would keep Detour from working, and what to do about it. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

export function registerDoctor(program: Command, context: CliContext): void {
  program
    .command('doctor')
    .description('look at kernel, capabilities, drivers, offloads, routes and rules; every finding comes with a remedy')
    .argument('[config]', 'configuration file: look at its interfaces and uplinks')
    .option('--json', 'print {"ok", "summary", "checks"} as JSON')
    .addHelpText(
      'after',
      example(
        'sudo detour doctor /etc/detour.yaml',
        'sudo detour doctor --json | jq \'.checks[] | select(.status == "fail")\'',
      ),
    )
    .action(async (config: string | undefined, options: { json?: true }) => {
      const { gather } = await import('../doctor/gather.js');
      const { checks } = await import('../doctor/checks/index.js');
      const { doctorJson, doctorText, summarise } = await import('../doctor/report.js');
      const input = await gather(config ?? null);
      const findings = checks.flatMap((check) => check(input));
      if (options.json) context.out(doctorJson(findings));
      else for (const line of doctorText(findings, { width: context.width(), color: context.color })) context.out(line);
      context.exit(summarise(findings).fail === 0 ? 0 : 1);
    });
}
