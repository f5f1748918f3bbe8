/**
 * Request validation: ajv on the TypeBox schemas (JSON Schema 2020-12, the dialect of OpenAPI 3.1).
 *
 * Bodies are taken literally: no coercion, no defaults written into them, unknown fields refused and not stripped.
 * Queries and paths are text by nature, so "10" is a number where the schema wants one.
 */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';

export interface FieldError {
  /** "body.uplink", "query.limit", "path.name". */
  field: string;
  reason: string;
}

const contextNames: Record<string, string> = { querystring: 'query', params: 'path', body: 'body', headers: 'header' };

/** For `setValidatorCompiler`: one compiler an app, its schemas are compiled once. */
export function validatorCompiler(): FastifySchemaCompiler<TSchema> {
  // allErrors is safe here: bodies are limited to a few KiB and no schema has unbounded patterns.
  const common = {
    allErrors: true,
    strict: false,
    removeAdditional: false,
    validateFormats: false,
    verbose: true,
  } as const;
  const literal = new Ajv2020(common);
  const coercing = new Ajv2020({ ...common, coerceTypes: true, useDefaults: true });
  return ({ schema, httpPart }) => (httpPart === 'body' ? literal : coercing).compile(schema);
}

/** What the validator found, by field. `context` is fastify's name of the request's part. */
export function fieldErrors(errors: readonly object[], context: string): FieldError[] {
  const root = contextNames[context] ?? context;
  return errors.map((error) => describe(error as ErrorObject, root));
}

function describe(error: ErrorObject, root: string): FieldError {
  const field = root + error.instancePath.replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~');
  const parameters = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'required':
      return { field: `${field}.${String(parameters.missingProperty)}`, reason: 'is missing' };
    case 'additionalProperties': {
      const known = Object.keys((error.parentSchema?.properties as object | undefined) ?? {});
      const name = clip(String(parameters.additionalProperty));
      return {
        field: `${field}.${name}`,
        reason: `is not known here; known: ${known.join(', ') || 'no field at all'}`,
      };
    }
    case 'type':
      return { field, reason: `must be ${String(parameters.type).replace(',', ' or ')}, not ${nameType(error.data)}` };
    case 'enum':
      return { field, reason: `must be one of ${(parameters.allowedValues as unknown[]).join(', ')}` };
    default:
      return { field, reason: error.message ?? error.keyword };
  }
}

/** A hostile name may be as long as the body: only its beginning is repeated. */
function clip(text: string): string {
  return text.length <= 64 ? text : `${text.slice(0, 64)}...`;
}

function nameType(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
