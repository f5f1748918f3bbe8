/** For supervisors: is it alive, is it ready, how is it, and the numbers for Prometheus. */
import { Type } from 'typebox';
import { DetourError } from '../../errors.js';
import type { ApiContext, ApiInstance } from '../context.js';
import { renderMetrics } from '../metrics/render.js';
import { closed, reference } from '../resources/common.js';
import { AliveSchema, HealthSchema, presentHealth } from '../resources/health.js';
import { problemResponses, responses } from '../responses.js';

export function monitoringRoutes(app: ApiInstance, context: ApiContext): void {
  const { service, clock } = context;

  app.get(
    '/healthz',
    {
      schema: {
        operationId: 'alive',
        summary: 'The process answers',
        tags: ['monitoring'],
        response: responses(reference(AliveSchema), 'Alive'),
      },
    },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'ready',
        summary: 'The first configuration is programmed',
        tags: ['monitoring'],
        response: responses(reference(AliveSchema), 'Ready'),
      },
    },
    async () => {
      if (!service.ready()) throw new DetourError('NOT_READY');
      return { status: 'ok' as const };
    },
  );

  app.get(
    '/v1/health',
    {
      schema: {
        operationId: 'getHealth',
        summary: 'The router as a whole, and what is wrong with it',
        tags: ['state'],
        querystring: Type.Object({}, closed),
        response: responses(reference(HealthSchema), 'The health; 200 also when it is bad', 400),
      },
    },
    async () => presentHealth(service.health(), service.ready(), clock),
  );

  app.get(
    '/metrics',
    {
      schema: {
        operationId: 'metrics',
        summary: 'Prometheus text format; docs/metrics.md explains each name',
        tags: ['monitoring'],
        response: {
          200: { description: 'The metrics', content: { 'text/plain': { schema: Type.String() } } },
          ...problemResponses(),
        },
      },
    },
    async (_request, reply) => {
      const { text, contentType } = await renderMetrics(context);
      return reply.type(contentType).send(text);
    },
  );

  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(JSON.stringify(app.swagger())),
  );
}
