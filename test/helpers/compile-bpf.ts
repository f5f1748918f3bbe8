import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PRELUDE = '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n';
const EPILOGUE = '\nchar _license[] SEC("license") = "Dual MIT/GPL";\n';

export interface CompiledBpf {
  path: string;
  remove(): void;
}

/** Compiles a few lines of BPF C (headers and licence are added) into an object in a directory of its own. */
export function compileBpf(source: string, name = 'program'): CompiledBpf {
  const directory = mkdtempSync(join(tmpdir(), `dt-bpf-${process.pid}-`));
  const path = join(directory, `${name}.bpf.o`);
  writeFileSync(join(directory, `${name}.bpf.c`), PRELUDE + source + EPILOGUE);
  const flags = ['-O2', '-g', '-target', 'bpf', '-Wall', '-Werror', '-I', `/usr/include/${multiarch()}`];
  execFileSync('clang-19', [...flags, '-c', join(directory, `${name}.bpf.c`), '-o', path], { stdio: 'pipe' });
  return { path, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

function multiarch(): string {
  return process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
}
