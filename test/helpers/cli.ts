/** Runs the CLI: inside the test with an output of its own, or as a process from dist/. */
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildProgram } from '../../src/cli/program.js';
import { endingOf } from '../../src/cli/exit.js';

export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** One command in this process, as main.ts runs it. Width and colour are those of the pretended terminal. */
export async function runInProcess(args: readonly string[], { width = 80, color = false } = {}): Promise<CliResult> {
  const result: CliResult = { code: 0, stdout: '', stderr: '' };
  const context = {
    out: (line: string) => void (result.stdout += `${line}\n`),
    err: (line: string) => void (result.stderr += `${line}\n`),
    color,
    width: () => width,
    exit: (code: number) => void (result.code = code),
  };
  try {
    await buildProgram(context).parseAsync(['node', 'detour', ...args]);
  } catch (error) {
    const { code, line } = endingOf(error);
    if (line !== null) context.err(line);
    result.code = code;
  }
  return result;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Path of the built entry of the CLI; compiles first when a source file is newer. Types are another step's business. */
export function builtCli(): string {
  const main = `${root}dist/cli/main.js`;
  const built = statSync(main, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  if (sources.some((name) => statSync(`${root}src/${name}`).mtimeMs > built)) {
    const tsc = `${root}node_modules/typescript/bin/tsc`;
    execFileSync(process.execPath, [tsc, '-p', `${root}tsconfig.build.json`, '--noCheck'], { stdio: 'inherit' });
  }
  return main;
}

/** The CLI as a process of its own, without a terminal. */
export function runProcess(args: readonly string[], environment: Record<string, string> = {}): Promise<CliResult> {
  const env = { ...process.env, ...environment };
  return new Promise((resolve) => {
    execFile(process.execPath, [builtCli(), ...args], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}
