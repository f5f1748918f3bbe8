/** What a schema expects, in words: the second half of "must be ...". Pure. */

/** The JSON Schema keywords, and our own, that the configuration's schema uses. */
export interface Shape {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null';
  const?: string | number | boolean;
  enum?: unknown[];
  anyOf?: Shape[];
  properties?: Record<string, Shape>;
  required?: string[];
  patternProperties?: Record<string, Shape>;
  minProperties?: number;
  maxProperties?: number;
  items?: Shape;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  default?: unknown;
  description?: string;
  examples?: unknown[];
  'x-unit'?: string;
  'x-expected'?: string;
  'x-expected-key'?: string;
  'x-default'?: string;
}

/** The kind of YAML node that a schema without `anyOf` describes. */
export function kindOf(schema: Shape): 'map' | 'list' | 'scalar' {
  if (schema.type === 'object') return 'map';
  return schema.type === 'array' ? 'list' : 'scalar';
}

export function expectation(schema: Shape): string {
  if (schema['x-expected'] !== undefined) return schema['x-expected'];
  if (schema.anyOf) return schema.anyOf.map(expectation).join(' or ');
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum) return `one of ${schema.enum.join(', ')}`;
  switch (schema.type) {
    case 'object':
      return 'a mapping';
    case 'array':
      return 'a list';
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'integer':
    case 'number':
      return numberExpectation(schema);
    case 'string':
    case undefined:
      return textExpectation(schema);
  }
}

function numberExpectation(schema: Shape): string {
  const unit = schema['x-unit'] === undefined ? '' : ` of ${schema['x-unit']}`;
  return `a ${schema.type === 'integer' ? 'whole number' : 'number'}${unit} from ${schema.minimum} to ${schema.maximum}`;
}

function textExpectation(schema: Shape): string {
  return schema.maxLength === undefined ? 'text' : `text of ${schema.minLength ?? 0} to ${schema.maxLength} characters`;
}
