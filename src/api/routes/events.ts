/** /v1/events: the event log, as pages or live. One address for both: the Accept header decides. */
import { Type } from 'typebox';
import type { FastifyRequest } from 'fastify';
import type { ControllerService } from '../../controller/service.js';
import { DetourError } from '../../errors.js';
import type { ApiContext, ApiInstance } from '../context.js';
import { closed, reference } from '../resources/common.js';
import { CursorSchema, formatCursor, isOfEarlierRun, parseCursor, type EventCursor } from '../event-cursor.js';
import { EventListSchema, presentEvent, type EventListResource } from '../resources/event.js';
import { problemResponses } from '../responses.js';

const Query = Type.Object(
  {
    after: Type.Optional(
      Type.String({
        ...CursorSchema,
        description:
          'entries after this one: `next` of a list, RUN-SEQUENCE, or a bare sequence number of the present run; absent: ' +
          'the list begins with the oldest, the stream with the next',
      }),
    ),
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'of the list; the stream has no end' }),
  },
  closed,
);
const Headers = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ ...CursorSchema, description: 'goes on after this entry; stronger than `after`' }),
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
          'The stream sends one message an entry: `id` is RUN-SEQUENCE, `event` the kind of record, `data` an `Event`. ' +
          'A message `gap` (data: `EventGap`) tells what could not be given; `restarted` (data: `EventRestart`) that the ' +
          'reader’s last entry is of an earlier run: all entries of this one follow. Comments keep a quiet stream alive.',
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
        const last = request.headers['last-event-id'] ?? after;
        const start = streams.prepare(last === undefined ? null : parseCursor(last));
        reply.hijack();
        start(reply.raw);
        return reply;
      }
      return reply.send(page(service, parseCursor(after ?? '0'), limit));
    },
  );
}

function page(service: ControllerService, cursor: EventCursor, limit: number): EventListResource {
  const { run } = service.events(0, 0);
  const restarted = isOfEarlierRun(cursor, run);
  const start = restarted ? 0 : cursor.sequence;
  const { entries, oldest, newest } = service.events(start, limit);
  const next = formatCursor(run, entries.at(-1)?.sequence ?? Math.min(start, newest));
  return { run, restarted, events: entries.map(presentEvent), oldest, newest, next };
}

function wantsStream(request: FastifyRequest<{ Querystring: unknown; Headers: unknown }>): boolean {
  const accept = request.raw.headers.accept ?? '';
  if (accept.length > 1024) throw new DetourError('REQUEST_INVALID', { where: 'header.accept', reason: 'is too long' });
  return accept.split(',').some((range) => range.split(';', 1)[0]!.trim().toLowerCase() === 'text/event-stream');
}
