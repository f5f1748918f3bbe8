/** Response tables of the OpenAPI document: the answer of a route and the problems it may give. */
import { Type, type TSchema } from 'typebox';
import { PROBLEM_TYPE, ProblemSchema } from './problem.js';
import { reference } from './resources/common.js';

const problemMeanings: Record<number, string> = {
  400: 'The request does not fit: `errors` names each field',
  401: 'The bearer token is missing or wrong (TCP only)',
  404: 'No such thing',
  409: 'It contradicts the configuration',
  413: 'The body is too large',
  415: 'The body is not JSON',
  503: 'Not now: the controller is starting, or has too much of this open',
};

/** `success` is the schema of 200; `problems` are the statuses this route may answer besides 401 and 503. */
export function responses(success: TSchema, description: string, ...problems: number[]): Record<number, unknown> {
  return {
    200: { description, content: { 'application/json': { schema: success } } },
    ...problemResponses(...problems),
  };
}

export function problemResponses(...statuses: number[]): Record<number, unknown> {
  const content = { [PROBLEM_TYPE]: { schema: reference(ProblemSchema) } };
  return Object.fromEntries(
    [401, 503, ...statuses].map((status) => [status, { description: problemMeanings[status], content }]),
  );
}

/** Body of a command that takes no parameters: nothing, or an empty object. */
export const NoBodySchema = Type.Unsafe<Record<string, never> | null>({
  type: ['object', 'null'],
  properties: {},
  additionalProperties: false,
  description: 'nothing, or an empty object',
});
