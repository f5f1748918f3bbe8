/** /v1/events: the event log, as pages or live. One address for both: the Accept header decides. */
import { Type } from 'typebox';
import type { FastifyRequest } from 'fastify';
import { DetourError } from '../../errors.js';
import type { ApiContext, ApiInstance } from '../context.js';
import { closed, reference } from '../resources/common.js';
import { EventListSchema, presentEvent } from '../resources/event.js';
import { problemResponses } from '../responses.js';

const cursor = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const Query = Type.Object(
  {
    after: Type.Optional(
      Type.Integer({
        ...cursor,
        description:
          'entries with a greater sequence number; absent: the list begins with the oldest, the stream with the next',
      }),
    ),
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'of the list; the stream has no end' }),
  },
  closed,
);
const Headers = Type.Object({
  'last-event-id': Type.Optional(
    Type.Integer({ ...cursor, description: 'goes on after this entry; stronger than `after`' }),
  ),
});

export function eventRoutes(app: ApiInstance, { service, streams }: ApiContext): void {
  app.get(
    '/v1/events',
    {
      // A HEAD request would open a stream that nobody reads.
      exposeHeadRoute: false,
      schema: {
        operationId: 'listEvents',
        summary: 'The event log, oldest first; live with Accept: text/event-stream',
        description:
          'The stream sends one message an entry: `id` is the sequence number, `event` the kind of record, `data` an ' +
          '`Event`. A message `gap` (data: `EventGap`) tells what could not be given. Comments keep a quiet stream alive.',
        tags: ['state'],
        querystring: Query,
        headers: Headers,
        response: {
          200: {
            description: 'A page of the log, or the stream',
            content: {
              'application/json': { schema: reference(EventListSchema) },
              'text/event-stream': { schema: Type.String() },
            },
          },
          ...problemResponses(400),
        },
      },
    },
    async (request, reply) => {
      const { after, limit } = request.query;
      if (wantsStream(request)) {
        const start = streams.prepare(request.headers['last-event-id'] ?? after ?? null);
        reply.hijack();
        start(reply.raw);
        return reply;
      }
      const start = after ?? 0;
      const { entries, oldest, newest } = service.events(start, limit);
      const next = entries.at(-1)?.sequence ?? Math.min(start, newest);
      return reply.send({ events: entries.map(presentEvent), oldest, newest, next });
    },
  );
}

function wantsStream(request: FastifyRequest<{ Querystring: unknown; Headers: unknown }>): boolean {
  const accept = request.raw.headers.accept ?? '';
  if (accept.length > 1024) throw new DetourError('REQUEST_INVALID', { where: 'header.accept', reason: 'is too long' });
  return accept.split(',').some((range) => range.split(';', 1)[0]!.trim().toLowerCase() === 'text/event-stream');
}
