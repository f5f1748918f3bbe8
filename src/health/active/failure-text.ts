/** Causes of failed probes in the words that people search for. */

const TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENETDOWN: 'interface down',
  ENODEV: 'interface gone',
  EADDRNOTAVAIL: 'source address not on the interface',
  EPIPE: 'connection closed early',
  HPE_HEADER_OVERFLOW: 'HTTP headers too large',
};

/** "connection refused (ECONNREFUSED)"; unknown errors by their own message. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') return error.message;
  const text = TEXTS[code];
  return text === undefined ? `${error.message} (${code})` : `${text} (${code})`;
}

export function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ETIMEDOUT';
}
