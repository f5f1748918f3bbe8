/** The example of src/libbpf/README.md, taken from there and run as a user would: from a package, in a process. */
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { enterOwnNetns, ifindexOf } from '../helpers/own-netns.js';
import { until } from '../helpers/poll.js';

const root = resolve(import.meta.dirname, '../..');
const markdown = readFileSync(join(root, 'src/libbpf/README.md'), 'utf8');
let directory: string;

function codeBlock(language: string): string {
  const block = new RegExp('```' + language + '\\n([^]*?)```').exec(markdown)?.[1];
  if (!block) throw new Error(`src/libbpf/README.md has no ${language} block`);
  return block;
}

function toJavaScript(source: string): string {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true };
  return ts.transpileModule(source, { compilerOptions }).outputText;
}

/** A node_modules with only src/libbpf in it, compiled: whatever else of the project it imported would be missing. */
function installPackage(): void {
  const library = join(directory, 'node_modules/detour/dist/libbpf');
  mkdirSync(library, { recursive: true });
  cpSync(join(root, 'package.json'), join(directory, 'node_modules/detour/package.json'));
  for (const name of ['ffi-napi', 'ref-napi']) {
    symlinkSync(join(root, 'node_modules', name), join(directory, 'node_modules', name));
  }
  for (const file of readdirSync(join(root, 'src/libbpf')).filter((name) => name.endsWith('.ts'))) {
    const source = readFileSync(join(root, 'src/libbpf', file), 'utf8');
    writeFileSync(join(library, file.replace(/\.ts$/, '.js')), toJavaScript(source));
  }
}

function compileExample(): void {
  writeFileSync(join(directory, 'counter.bpf.c'), codeBlock('c'));
  const include = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const flags = ['-O2', '-g', '-target', 'bpf', '-I', include, '-c', 'counter.bpf.c', '-o', 'counter.bpf.o'];
  execFileSync('clang-19', flags, { cwd: directory, stdio: 'pipe' });
  writeFileSync(join(directory, 'example.mjs'), toJavaScript(codeBlock('ts')));
}

beforeAll(() => {
  enterOwnNetns();
  directory = mkdtempSync(join(tmpdir(), `dt-readme-${process.pid}-`));
  installPackage();
  compileExample();
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('the example loads a program and reads its counter', async () => {
  let output = '';
  const child = spawn(process.execPath, ['example.mjs', String(ifindexOf('lo'))], { cwd: directory });
  const exit = new Promise<number | null>((done) => child.on('exit', done));
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  await until(() => output.includes('attached in') || child.exitCode !== null, { what: 'the attachment' });
  const socket = createSocket('udp4');
  for (let sent = 0; sent < 20; sent++) socket.send('x', 9, '127.0.0.1');
  expect(await exit, output).toBe(0);
  socket.close();
  expect(output).toMatch(/^attached in generic mode native mode was refused/);
  expect(Number(/^(\d+) packets in a second$/m.exec(output)?.[1])).toBeGreaterThanOrEqual(20);
});
