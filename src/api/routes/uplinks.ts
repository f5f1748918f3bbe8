/** /v1/uplinks: the ways out, and taking one out of use. */
import { Type } from 'typebox';
import { DetourError } from '../../errors.js';
import type { ControllerService, UplinkStatus } from '../../controller/service.js';
import type { ApiContext, ApiInstance } from '../context.js';
import { closed, reference } from '../resources/common.js';
import { presentUplink, UplinkListSchema, UplinkSchema } from '../resources/uplink.js';
import { NoBodySchema, responses } from '../responses.js';

const NameParams = Type.Object({ name: Type.String({ description: 'name of the uplink' }) }, closed);

export function uplinkRoutes(app: ApiInstance, { service, clock, by }: ApiContext): void {
  app.get(
    '/v1/uplinks',
    {
      schema: {
        operationId: 'listUplinks',
        summary: 'All uplinks with their paths',
        tags: ['state'],
        querystring: Type.Object({}, closed),
        response: responses(reference(UplinkListSchema), 'The uplinks, in the order of the configuration', 400),
      },
    },
    async () => ({ uplinks: service.uplinks().map((uplink) => presentUplink(uplink, clock)) }),
  );

  app.get(
    '/v1/uplinks/:name',
    {
      schema: {
        operationId: 'getUplink',
        summary: 'One uplink',
        tags: ['state'],
        params: NameParams,
        querystring: Type.Object({}, closed),
        response: responses(reference(UplinkSchema), 'The uplink', 400, 404),
      },
    },
    async (request) => presentUplink(findUplink(service, request.params.name), clock),
  );

  const commands = [
    ['drain', 'Take an uplink out of use without loss'],
    ['undrain', 'Allow a drained uplink again'],
  ] as const;
  for (const [command, summary] of commands) {
    app.post(
      `/v1/uplinks/:name/${command}`,
      {
        schema: {
          operationId: `${command}Uplink`,
          summary,
          tags: ['commands'],
          params: NameParams,
          body: NoBodySchema,
          response: responses(reference(UplinkSchema), 'The uplink after the command', 400, 404, 413, 415),
        },
      },
      async (request) => {
        const { name } = request.params;
        service[command](name, by(request));
        return presentUplink(findUplink(service, name), clock);
      },
    );
  }
}

function findUplink(service: ControllerService, name: string): UplinkStatus {
  const uplinks = service.uplinks();
  const found = uplinks.find((uplink) => uplink.name === name);
  if (found === undefined) {
    const known = uplinks.map((uplink) => uplink.name).join(', ') || 'none';
    throw new DetourError('UPLINK_UNKNOWN', { uplink: name, known });
  }
  return found;
}
