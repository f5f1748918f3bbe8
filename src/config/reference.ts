/** The tables of fields in docs/, made from the schemas: field, type, unit, default, bounds, meaning. */
import type { Shape } from './expectation.js';
import { configSchema } from './schema.js';

/** Lines of Markdown. Tests compare the parts of the pages between their two markers with this. */
export function referenceTable(schema: Shape = configSchema): string[] {
  const rows = fieldsOf(schema, '');
  return ['| field | unit | default | bounds | meaning |', '| --- | --- | --- | --- | --- |', ...rows];
}

/** @param only which types of a union have these fields, " (icmp)"; empty: all */
function fieldsOf(schema: Shape, prefix: string, only = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, field]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return [row(path, field, isRequired(schema, key), only), ...inside(field, path, only)];
  });
}

/** Fields below a field: of a mapping, of the mappings in a list or by name, of each form of a union. */
function inside(field: Shape, path: string, only = ''): string[] {
  const typed = (field.anyOf ?? []).filter((branch) => typeOf(branch) !== undefined);
  if (typed.length > 0) return fieldsByType(typed, path);
  if (field.anyOf) return field.anyOf.flatMap((branch) => inside(branch, path, only));
  if (field.patternProperties) return inside(Object.values(field.patternProperties)[0]!, `${path}.NAME`, only);
  if (field.type === 'array') return inside(field.items!, `${path}[]`, only);
  return field.type === 'object' ? fieldsOf(field, path, only) : [];
}

/** Of mappings told apart by `type`: what several types share is listed once, "probes[].timeout_ms (tcp, dns)". */
function fieldsByType(branches: readonly Shape[], path: string): string[] {
  const shared = new Map<string, { key: string; field: Shape; required: boolean; types: string[] }>();
  for (const branch of branches) {
    for (const [key, field] of Object.entries(branch.properties ?? {})) {
      if (key === 'type') continue;
      const required = isRequired(branch, key);
      const identity = JSON.stringify([key, { ...field, examples: null }, required]);
      const entry = shared.get(identity) ?? { key, field, required, types: [] };
      entry.types.push(typeOf(branch)!);
      shared.set(identity, entry);
    }
  }
  const kinds = { enum: branches.map(typeOf), description: 'Kind of probe.' };
  const fields = [...shared.values()].flatMap(({ key, field, required, types }) => {
    const only = types.length === branches.length ? '' : ` (${types.join(', ')})`;
    return [row(`${path}.${key}`, field, required, only), ...inside(field, `${path}.${key}`, only)];
  });
  return [row(`${path}.type`, kinds, true), ...fields];
}

const isRequired = (schema: Shape, key: string): boolean => schema.required?.includes(key) ?? false;

function typeOf(branch: Shape): string | undefined {
  const type = branch.properties?.['type']?.const;
  return type === undefined ? undefined : String(type);
}

function row(path: string, field: Shape, required: boolean, only = ''): string {
  const fallback =
    field.default !== undefined ? code(field.default) : (field['x-default'] ?? (required ? '**required**' : '-'));
  const cells = [`\`${path}\`${only}`, field['x-unit'] ?? '-', fallback, bounds(field), field.description ?? ''];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

const code = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

function bounds(field: Shape): string {
  if (field.const !== undefined) return code(field.const);
  if (field.enum) return field.enum.map(code).join(', ');
  if (field.anyOf) return [...new Set(field.anyOf.map(bounds))].filter((text) => text !== '-').join(', ') || '-';
  switch (field.type) {
    case 'integer':
    case 'number':
      return `${field.minimum} - ${field.maximum}`;
    case 'boolean':
      return '`true`, `false`';
    case 'null':
      return '`null`';
    case 'array':
      return countBounds(field.minItems, field.maxItems, 'items');
    case 'object':
      return countBounds(field.minProperties, field.maxProperties, 'entries');
    case 'string':
    case undefined:
      return field['x-expected'] ?? countBounds(field.minLength, field.maxLength, 'characters');
  }
}

function countBounds(least: number | undefined, most: number | undefined, noun: string): string {
  if (most !== undefined) return `${least ?? 0} - ${most} ${noun}`;
  return least === undefined ? '-' : `at least ${least} ${noun}`;
}
