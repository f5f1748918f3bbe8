/** /v1/interfaces: how XDP is attached, and what became of received packets. */
import { Type } from 'typebox';
import type { ApiContext, ApiInstance } from '../context.js';
import { closed, reference } from '../resources/common.js';
import { InterfaceListSchema, presentInterface } from '../resources/interface.js';
import { responses } from '../responses.js';

export function interfaceRoutes(app: ApiInstance, { service }: ApiContext): void {
  app.get(
    '/v1/interfaces',
    {
      schema: {
        operationId: 'listInterfaces',
        summary: 'Interfaces, their XDP mode and their counters by reason',
        tags: ['state'],
        querystring: Type.Object({}, closed),
        response: responses(reference(InterfaceListSchema), 'The interfaces', 400),
      },
    },
    async () => ({ interfaces: service.interfaces().map(presentInterface) }),
  );
}
