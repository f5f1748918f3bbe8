/** /v1/lookup: what would happen to a packet, without sending one. */
import { Type } from 'typebox';
import { DetourError } from '../../errors.js';
import { IpAddress } from '../../net/ip-address.js';
import type { ApiContext, ApiInstance } from '../context.js';
import { closed, reference } from '../resources/common.js';
import { LookupSchema, presentLookup } from '../resources/lookup.js';
import { responses } from '../responses.js';

const Query = Type.Object(
  {
    to: Type.String({ maxLength: 64, description: 'destination address', examples: ['198.51.100.7'] }),
    from: Type.Optional(
      Type.String({ maxLength: 64, description: 'source address, same family', examples: ['192.0.2.9'] }),
    ),
  },
  closed,
);

export function lookupRoutes(app: ApiInstance, { service }: ApiContext): void {
  app.get(
    '/v1/lookup',
    {
      schema: {
        operationId: 'lookup',
        summary: 'Which route, group and uplink an address takes, and why',
        tags: ['state'],
        querystring: Query,
        response: responses(reference(LookupSchema), 'The way of the packet', 400),
      },
    },
    async (request) => {
      const to = parseAddress(request.query.to, 'query.to');
      const from = request.query.from === undefined ? null : parseAddress(request.query.from, 'query.from');
      if (from !== null && from.family !== to.family) {
        const reason = `${from.toString()} is IPv${from.family}, but query.to is IPv${to.family}`;
        throw new DetourError('REQUEST_INVALID', { where: 'query.from', reason });
      }
      return presentLookup(service.lookup(to, from));
    },
  );
}

function parseAddress(text: string, where: string): IpAddress {
  try {
    return IpAddress.parse(text);
  } catch (error) {
    throw new DetourError('REQUEST_INVALID', { where, reason: (error as Error).message }, { cause: error });
  }
}
