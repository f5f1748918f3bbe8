/** /v1/gateways: the gateway nodes of this router, and deciding about them by hand. Pairing itself is the CLI's: it has the keys. */
import { Type } from 'typebox';
import type { ControllerService } from '../../controller/service.js';
import { DetourError } from '../../errors.js';
import type { GatewayStatus } from '../../controller/gateway-status.js';
import type { ApiContext, ApiInstance } from '../context.js';
import { closed, reference } from '../resources/common.js';
import { GatewayListSchema, GatewaySchema, presentGateway, presentGateways } from '../resources/gateway.js';
import { NoBodySchema, responses } from '../responses.js';

const NameParams = Type.Object({ name: Type.String({ description: 'name of the pairing' }) }, closed);
const NoQuery = Type.Object({}, closed);

export function gatewayRoutes(app: ApiInstance, context: ApiContext): void {
  readingRoutes(app, context);
  commandRoutes(app, context);
  pairingRoutes(app, context);
}

function readingRoutes(app: ApiInstance, { service, clock }: ApiContext): void {
  app.get(
    '/v1/gateways',
    {
      schema: {
        operationId: 'listGateways',
        summary: 'Gateway nodes: paired and unpaired, what is needed, who is elected and why',
        tags: ['state'],
        querystring: NoQuery,
        response: responses(reference(GatewayListSchema), 'The gateway nodes', 400),
      },
    },
    async () => presentGateways(service.gateways(), clock),
  );

  app.get(
    '/v1/gateways/:name',
    {
      schema: {
        operationId: 'getGateway',
        summary: 'One gateway node',
        tags: ['state'],
        params: NameParams,
        querystring: NoQuery,
        response: responses(reference(GatewaySchema), 'The gateway node', 400, 404, 409),
      },
    },
    async (request) => presentGateway(findGateway(service, request.params.name), clock),
  );
}

function commandRoutes(app: ApiInstance, { service, clock, by }: ApiContext): void {
  const commands = [
    ['approve', 'approveGateway', 'Allow a node to be elected where `approval` is `manual`'],
    ['elect', 'electGateway', 'Elect a node whether it is needed or not, until `auto`'],
    ['release', 'releaseGateway', 'Release a node, once something else works, and do not elect it, until `auto`'],
    ['auto', 'autoGateway', 'End an `elect` or `release` by hand: the need decides again'],
  ] as const;
  for (const [command, method, summary] of commands) {
    app.post(
      `/v1/gateways/:name/${command}`,
      {
        schema: {
          operationId: method,
          summary,
          tags: ['commands'],
          params: NameParams,
          body: NoBodySchema,
          response: responses(
            reference(GatewaySchema),
            'The node after the command; what follows from it is seen in its state',
            ...[400, 404, 409, 413, 415],
          ),
        },
      },
      async (request) => {
        const { name } = request.params;
        service[method](name, by(request));
        return presentGateway(findGateway(service, name), clock);
      },
    );
  }
}

function pairingRoutes(app: ApiInstance, { service, clock, by }: ApiContext): void {
  app.delete(
    '/v1/gateways/:name',
    {
      schema: {
        operationId: 'revokeGateway',
        summary: 'Revoke a pairing: its key is deleted, its lease released',
        tags: ['commands'],
        params: NameParams,
        response: responses(reference(GatewayListSchema), 'The gateway nodes that are left', 400, 404, 409),
      },
    },
    async (request) => {
      service.revokeGateway(request.params.name, by(request));
      return presentGateways(service.gateways(), clock);
    },
  );

  app.post(
    '/v1/gateways/reload',
    {
      schema: {
        operationId: 'reloadPairings',
        summary: 'Read the pairings on disk again; no lease ends by it unless its pairing is gone',
        tags: ['commands'],
        body: NoBodySchema,
        response: responses(reference(GatewayListSchema), 'The gateway nodes as read', 400, 409, 413, 415),
      },
    },
    async () => {
      service.reloadPairings();
      return presentGateways(service.gateways(), clock);
    },
  );
}

function findGateway(service: ControllerService, name: string): GatewayStatus {
  const { enabled, gateways } = service.gateways();
  if (!enabled) throw new DetourError('GATEWAYS_OFF');
  const found = gateways.find((gateway) => gateway.name === name);
  if (found !== undefined) return found;
  const known = gateways.map((gateway) => gateway.name).join(', ') || 'none';
  throw new DetourError('GATEWAY_UNKNOWN', { gateway: name, known });
}
