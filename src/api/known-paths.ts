/** Which methods a path has, so that a known path asked with a wrong one is answered as that (RFC 9110, 15.5.6). */
import type { RouteOptions } from 'fastify';

export class KnownPaths {
  readonly #methods = new Map<string, Set<string>>();

  /** For the hook `onRoute`. */
  add({ url, method }: Pick<RouteOptions, 'url' | 'method'>): void {
    const methods = this.#methods.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    this.#methods.set(url, methods);
  }

  /** Methods of the path of a request, sorted; empty: no such path. */
  methodsOf(path: string): string[] {
    const segments = path.split('/');
    const found = [...this.#methods].filter(([pattern]) => matches(pattern.split('/'), segments));
    return [...new Set(found.flatMap(([, methods]) => [...methods]))].sort();
  }
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => part.startsWith(':') || part === segments[index])
  );
}
