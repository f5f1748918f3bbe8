/** /v1/routes: the configured routes, page by page: there may be a million. */
import { Type } from 'typebox';
import type { ApiContext, ApiInstance } from '../context.js';
import { closed, reference } from '../resources/common.js';
import { presentRoute, RouteListSchema } from '../resources/route.js';
import { responses } from '../responses.js';

const Query = Type.Object(
  {
    offset: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 }),
    limit: Type.Integer({ minimum: 1, maximum: 10_000, default: 1000 }),
  },
  closed,
);

export function routeRoutes(app: ApiInstance, { service }: ApiContext): void {
  app.get(
    '/v1/routes',
    {
      schema: {
        operationId: 'listRoutes',
        summary: 'Configured routes and whether both planes have them',
        tags: ['state'],
        querystring: Query,
        response: responses(reference(RouteListSchema), 'A page of routes', 400),
      },
    },
    async (request) => {
      const { offset, limit } = request.query;
      const all = service.routes();
      const end = offset + limit;
      return {
        routes: all.slice(offset, end).map(presentRoute),
        total: all.length,
        next: end < all.length ? end : null,
      };
    },
  );
}
