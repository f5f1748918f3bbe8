/** What every route family gets: the service, the clocks, and who is asking. */
import type { FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger } from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { ControllerService } from '../controller/service.js';
import type { EventStreams } from './event-stream.js';
import type { ApiClock } from './resources/common.js';

export type ApiInstance = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface ApiContext {
  service: ControllerService;
  clock: ApiClock;
  version: string;
  streams: EventStreams;
  /** Names the asker of a command, for the event log: "api 192.0.2.7", "api (unix socket)". */
  by: (request: FastifyRequest) => string;
}
