/** What the kernel would do with packets that come in by an interface: `ip route get`, many at once. */
import { spawnSync } from 'node:child_process';
import type { Family } from '../../src/net/ip-address.js';

export type KernelChoice =
  | { kind: 'forward'; device: string; gateway: string }
  /** local, broadcast: the stack takes it. */
  | { kind: 'taken'; by: string }
  /** The kernel's answer: "Invalid argument" (blackhole), "No route to host" (unreachable), ... */
  | { kind: 'refused'; error: string };

interface Answer {
  type?: string;
  dev: string;
  gateway?: string;
}

/** Runs in the network namespace of the caller. `gateway` is the destination itself where it is connected. */
export function routeGet(
  family: Family,
  destinations: readonly string[],
  { from, iif, mark = 0 }: { from: string; iif: string; mark?: number },
): KernelChoice[] {
  const input = destinations
    .map((to) => `route get ${to} from ${from} iif ${iif}${mark === 0 ? '' : ` mark ${mark}`}\n`)
    .join('');
  const { stdout, stderr } = spawnSync('ip', [`-${family}`, '-json', '-force', '-batch', '-'], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: 60_000,
  });
  const errors = new Map<number, string>();
  for (const [, error, line] of stderr.matchAll(/answers: (.*)\n(?:.*\n)*?Command failed -:(\d+)/g)) {
    errors.set(Number(line) - 1, error ?? '');
  }
  const answers = stdout.split('\n').filter((line) => line.startsWith('[{'));
  if (answers.length + errors.size !== destinations.length) {
    throw new Error(`${destinations.length} questions, ${answers.length} answers and ${errors.size} errors: ${stderr}`);
  }
  let next = 0;
  return destinations.map((to, index) => {
    const error = errors.get(index);
    if (error !== undefined) return { kind: 'refused', error };
    const [{ type, dev, gateway }] = JSON.parse(answers[next++] ?? '') as [Answer];
    if (type !== undefined && type !== 'unicast') return { kind: 'taken', by: type };
    return { kind: 'forward', device: dev, gateway: gateway ?? to };
  });
}
