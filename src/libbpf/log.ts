/**
 * libbpf's own messages. They can only be had through a callback, and a callback into JavaScript is slow, so it is
 * installed for the time of one open, load or attach and libbpf is silent otherwise (its default is to write to stderr).
 */
import { ffi, libbpf, openLibrary } from './bindings.js';

const LIBBPF_DEBUG = 2;
const LINE_BYTES = 16_384;

interface Libc {
  vsnprintf(into: Buffer, size: number, format: Buffer, variableArguments: Buffer): number;
}

let sink: string[] | null = null;
let callback: Buffer | undefined;

/** Made once and kept for ever: libbpf may hold the pointer. A va_list is passed on as what it is by then: a pointer. */
function printCallback(): Buffer {
  if (callback) return callback;
  const libc = openLibrary<Libc>(null, { vsnprintf: ['int', ['pointer', 'size_t', 'pointer', 'pointer']] });
  const line = Buffer.alloc(LINE_BYTES);
  callback = ffi.Callback(
    'int',
    ['int', 'pointer', 'pointer'],
    (level: number, format: Buffer, variableArguments: Buffer): number => {
      if (level >= LIBBPF_DEBUG || !sink) return 0;
      const length = libc.vsnprintf(line, LINE_BYTES, format, variableArguments);
      sink.push(line.toString('utf8', 0, Math.min(Math.max(length, 0), LINE_BYTES - 1)).trimEnd());
      return length;
    },
  );
  return callback;
}

/**
 * Runs `action` with libbpf's warnings collected. `log` may be read inside `action` (for its error) and afterwards.
 * Not re-entrant: the actions are single libbpf calls.
 */
export function withLibbpfLog<T>(action: (log: () => string) => T): T {
  const lines: string[] = [];
  sink = lines;
  libbpf().libbpf_set_print(printCallback());
  try {
    return action(() => lines.join('\n'));
  } finally {
    libbpf().libbpf_set_print(null);
    sink = null;
  }
}
