/** The published JSON Schema of the YAML form: docs/config.schema.json, and `detour schema`. */
import { configSchema } from './schema.js';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** JSON text, with a newline at its end. A test compares docs/config.schema.json with it. */
export function configJsonSchema(): string {
  return `${JSON.stringify({ $schema: DIALECT, title: 'Detour configuration', ...configSchema }, null, 2)}\n`;
}
