/**
 * Builds the HTTP application over a ControllerService; does not listen (listen.ts does). Knows no kernel.
 * One app serves one listener: the unix socket's has no token, the TCP listener's has one.
 */
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { ControllerService } from '../controller/service.js';
import { DetourError } from '../errors.js';
import { requireToken } from './auth.js';
import type { ApiContext, ApiInstance } from './context.js';
import { EventStreams } from './event-stream.js';
import { KnownPaths } from './known-paths.js';
import { describeApi } from './openapi.js';
import { PROBLEM_TYPE, ProblemSchema, toDetourError, toProblem, validationProblem } from './problem.js';
import type { ApiClock } from './resources/common.js';
import { EventSchema, EventListSchema, GapSchema, RecordSchema, RestartSchema } from './resources/event.js';
import { GatewayListSchema, GatewayOfferSchema, GatewaySchema } from './resources/gateway.js';
import { GroupListSchema, GroupSchema } from './resources/group.js';
import { AliveSchema, HealthSchema } from './resources/health.js';
import { InterfaceListSchema, InterfaceSchema } from './resources/interface.js';
import { LookupSchema } from './resources/lookup.js';
import { RouteListSchema, RouteSchema } from './resources/route.js';
import { PathSchema, TargetSchema, UplinkListSchema, UplinkSchema } from './resources/uplink.js';
import { eventRoutes } from './routes/events.js';
import { gatewayRoutes } from './routes/gateways.js';
import { groupRoutes } from './routes/groups.js';
import { interfaceRoutes } from './routes/interfaces.js';
import { lookupRoutes } from './routes/lookup.js';
import { monitoringRoutes } from './routes/monitoring.js';
import { routeRoutes } from './routes/routes.js';
import { uplinkRoutes } from './routes/uplinks.js';
import { validatorCompiler } from './validation.js';

/** Bytes; the largest body of the API is a name. */
const BODY_LIMIT = 16 * 1024;

export interface ApiOptions {
  /** Every request must carry it; null: none is needed (unix socket). */
  token?: string | null;
  clock: ApiClock;
  /** Shown in /openapi.json and in detour_build_info. */
  version?: string;
  /** Called with what ended as 500; never called for a client's mistakes. */
  onFault?: (error: unknown) => void;
  /** Time between comments on a quiet event stream. */
  heartbeatMs?: number;
  maximumStreams?: number;
}

export function buildApp(service: ControllerService, options: ApiOptions): FastifyInstance {
  const { token = null, clock, version = '0.0.0', onFault = () => undefined } = options;
  const app: ApiInstance = Fastify({
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    requestTimeout: 10_000,
    routerOptions: { maxParamLength: 256 },
    clientErrorHandler: refuseBrokenHttp,
    frameworkErrors: refuseBrokenUrl,
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.setValidatorCompiler(validatorCompiler());
  // Answers are made field by field in resources/, so what is sent is what the code says: no field is stripped here.
  app.setSerializerCompiler(() => JSON.stringify);
  app.removeContentTypeParser('text/plain');
  answerErrors(app, onFault);
  if (token !== null) app.addHook('onRequest', requireToken(token));
  answerUnknown(app);

  const streams = new EventStreams(service, {
    heartbeatMs: options.heartbeatMs ?? 15_000,
    maximumStreams: options.maximumStreams ?? 64,
  });
  app.addHook('preClose', async () => streams.close());
  const context: ApiContext = {
    service,
    clock,
    version,
    streams,
    by: (request) => (request.socket.remoteAddress === undefined ? 'api (unix socket)' : `api (${request.ip})`),
  };

  describeApi(app, version);
  for (const schema of sharedSchemas) app.addSchema(schema);
  // A plugin of its own: the generator sees only routes that are added after it has been loaded.
  void app.register(async (scope) => {
    const api = scope.withTypeProvider<TypeBoxTypeProvider>();
    for (const routes of routeFamilies) routes(api, context);
  });
  return app;
}

const routeFamilies = [
  monitoringRoutes,
  uplinkRoutes,
  groupRoutes,
  routeRoutes,
  lookupRoutes,
  interfaceRoutes,
  gatewayRoutes,
  eventRoutes,
];

const sharedSchemas = [
  ProblemSchema,
  AliveSchema,
  HealthSchema,
  TargetSchema,
  PathSchema,
  UplinkSchema,
  UplinkListSchema,
  GroupSchema,
  GroupListSchema,
  RouteSchema,
  RouteListSchema,
  LookupSchema,
  InterfaceSchema,
  InterfaceListSchema,
  GatewayOfferSchema,
  GatewaySchema,
  GatewayListSchema,
  RecordSchema,
  EventSchema,
  EventListSchema,
  GapSchema,
  RestartSchema,
];

function answerErrors(app: ApiInstance, onFault: (error: unknown) => void): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    if (error.validation !== undefined) {
      return reply
        .code(400)
        .type(PROBLEM_TYPE)
        .send(JSON.stringify(validationProblem(error)));
    }
    const problem = toProblem(toDetourError(error, BODY_LIMIT, request.headers['content-type']));
    if (problem.status >= 500 && problem.code === 'INTERNAL') onFault(error);
    return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  });
}

function answerUnknown(app: ApiInstance): void {
  const known = new KnownPaths();
  app.addHook('onRoute', (route) => known.add(route));
  const refuse = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { method } = request;
    const path = request.url.split('?', 1)[0]!;
    const shown = path.slice(0, 256);
    const allowed = known.methodsOf(path).join(', ');
    if (allowed !== '') reply.header('allow', allowed);
    const problem = toProblem(
      allowed === ''
        ? new DetourError('NOT_FOUND', { path: `${method} ${shown}` })
        : new DetourError('METHOD_NOT_ALLOWED', { method, path: shown, allowed }),
    );
    return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  };
  // Before the body is read: what is wrong with that is not what the client should hear.
  app.addHook('onRequest', (request, reply, done) => (request.is404 ? void refuse(request, reply) : done()));
  app.setNotFoundHandler(refuse);
}

/** A URL that cannot be decoded never reaches a route nor the error handler. */
function refuseBrokenUrl(error: FastifyError, _request: unknown, reply: unknown): void {
  const problem = toProblem(toDetourError(error, BODY_LIMIT));
  void (reply as FastifyReply).code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

/** Bytes that are no HTTP request: answered in the same form as everything else, then the connection ends. */
function refuseBrokenHttp(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const invalid = new DetourError('REQUEST_INVALID', { where: 'request', reason: `not HTTP/1.1: ${error.message}` });
  const body = JSON.stringify(toProblem(invalid));
  if (!socket.writable) return void socket.destroy();
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  );
}
