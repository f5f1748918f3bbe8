/**
 * Errors as problem details (RFC 9457): whatever goes wrong in a request becomes one of the catalogue's codes.
 * What is not foreseen is INTERNAL, whose text tells nothing about the inside; the log has the rest.
 */
import { Type, type Static } from 'typebox';
import type { FastifyError } from 'fastify';
import { DetourError, errorCatalogue, type ErrorCode } from '../errors.js';
import { closed } from './resources/common.js';
import { fieldErrors, type FieldError } from './validation.js';

export const PROBLEM_TYPE = 'application/problem+json';

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'urn:detour:error:<code in kebab case>' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'what is wrong with this request, for people' }),
    code: Type.Enum(Object.keys(errorCatalogue) as ErrorCode[]),
    errors: Type.Optional(
      Type.Array(Type.Object({ field: Type.String(), reason: Type.String() }, closed), {
        description: 'each field at fault: "body.uplink", "query.to", "path.name"',
      }),
    ),
  },
  { ...closed, $id: 'Problem', description: 'RFC 9457 problem details' },
);

export type Problem = Static<typeof ProblemSchema>;

/** Converts anything thrown while a request is handled; `bodyLimit` (bytes) fills the message of 413. */
export function toDetourError(error: unknown, bodyLimit: number, contentType = ''): DetourError {
  if (error instanceof DetourError) return error;
  const { code, statusCode, message } = (error ?? {}) as Partial<FastifyError>;
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new DetourError('MEDIA_TYPE_UNSUPPORTED', { type: contentType });
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new DetourError('BODY_TOO_LARGE', { limit: bodyLimit });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    // The body's parser and the server's router name no field: what they refuse is the body or the request itself.
    const where = code?.startsWith('FST_ERR_CTP_') === true || error instanceof SyntaxError ? 'body' : 'request';
    return new DetourError('REQUEST_INVALID', { where, reason: message ?? 'refused' }, { cause: error });
  }
  return new DetourError(
    'INTERNAL',
    { reason: 'unexpected failure; the log of the controller has it' },
    { cause: error },
  );
}

/** The problem document of an error; `errors` lists the fields that the schema's validation found. */
export function toProblem(error: DetourError, fields: readonly FieldError[] = []): Problem {
  const problem: Problem = {
    type: `urn:detour:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: titleOf(error.code),
    status: error.status,
    detail: error.message,
    code: error.code,
  };
  const errors = fields.length > 0 ? [...fields] : namedField(error);
  return errors.length > 0 ? { ...problem, errors } : problem;
}

/** A request that does not fit its schema: one DetourError that sums up all its fields. */
export function validationProblem(error: FastifyError): Problem {
  const fields = fieldErrors(error.validation ?? [], error.validationContext ?? 'request');
  const [first = { field: 'request', reason: error.message }, ...others] = fields;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  const summary = new DetourError('REQUEST_INVALID', { where: first.field, reason: first.reason + more });
  return toProblem(summary, fields.length > 0 ? fields : [first]);
}

function namedField(error: DetourError): FieldError[] {
  const { where, reason } = error.parameters;
  return error.code === 'REQUEST_INVALID' ? [{ field: String(where), reason: String(reason) }] : [];
}

/** "UPLINK_UNKNOWN" -> "Uplink unknown": the same for every occurrence, as RFC 9457 section 3.1.3 asks. */
function titleOf(code: ErrorCode): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
