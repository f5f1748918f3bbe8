/** /v1/groups: which uplinks carry traffic, and choosing one by hand. */
import { Type } from 'typebox';
import type { ApiContext, ApiInstance } from '../context.js';
import { closed, reference } from '../resources/common.js';
import { GroupListSchema, presentGroup } from '../resources/group.js';
import { NoBodySchema, responses } from '../responses.js';

const NameParams = Type.Object({ name: Type.String({ description: 'name of the group' }) }, closed);
const ForceBody = Type.Object(
  { uplink: Type.String({ minLength: 1, maxLength: 256, description: 'a member of the group' }) },
  closed,
);

export function groupRoutes(app: ApiInstance, { service, by }: ApiContext): void {
  const both = (name: string) => ({
    groups: service
      .groups()
      .filter((view) => view.group === name)
      .map(presentGroup),
  });

  app.get(
    '/v1/groups',
    {
      schema: {
        operationId: 'listGroups',
        summary: 'All groups, once for each address family',
        tags: ['state'],
        querystring: Type.Object({}, closed),
        response: responses(reference(GroupListSchema), 'The groups', 400),
      },
    },
    async () => ({ groups: service.groups().map(presentGroup) }),
  );

  app.post(
    '/v1/groups/:name/force',
    {
      schema: {
        operationId: 'forceGroup',
        summary: 'Send the traffic of a group by one uplink as long as that is alive',
        tags: ['commands'],
        params: NameParams,
        body: ForceBody,
        response: responses(
          reference(GroupListSchema),
          'The group in each family, after the command',
          ...[400, 404, 409, 413, 415],
        ),
      },
    },
    async (request) => {
      service.force(request.params.name, request.body.uplink, by(request));
      return both(request.params.name);
    },
  );

  app.post(
    '/v1/groups/:name/auto',
    {
      schema: {
        operationId: 'autoGroup',
        summary: 'End a force: the tiers decide again',
        tags: ['commands'],
        params: NameParams,
        body: NoBodySchema,
        response: responses(
          reference(GroupListSchema),
          'The group in each family, after the command',
          ...[400, 404, 413, 415],
        ),
      },
    },
    async (request) => {
      service.auto(request.params.name, by(request));
      return both(request.params.name);
    },
  );
}
