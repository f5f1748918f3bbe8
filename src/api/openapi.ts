/** The OpenAPI 3.1 document, made from the very schemas that validate requests. */
import swagger from '@fastify/swagger';
import type { ApiInstance } from './context.js';

export const tags = [
  { name: 'state', description: 'What the router is doing and why' },
  { name: 'commands', description: 'What an operator may change at run time' },
  { name: 'monitoring', description: 'For supervisors and Prometheus' },
];

/** Registers the generator; must come before the routes. */
export function describeApi(app: ApiInstance, version: string): void {
  void app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Detour',
        version,
        description: 'Adaptive router: state of the uplinks, routes and interfaces, and the commands of an operator.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/', description: 'unix socket (no token) or TCP (bearer token)' }],
      tags,
      // {}: the unix socket needs no token.
      security: [{ bearer: [] }, {}],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) =>
        typeof json.$id === 'string' ? json.$id : `schema-${index}`,
    },
  });
}
