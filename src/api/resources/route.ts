/** A configured route and whether both planes have it. */
import { Type, type Static } from 'typebox';
import type { RouteStatus } from '../../controller/service.js';
import { closed, nullable, reference } from './common.js';

export const RouteSchema = Type.Object(
  {
    prefix: Type.String(),
    target: Type.String({ description: '"group NAME" or "blackhole"' }),
    programmed: Type.Object({ xdp: Type.Boolean(), kernel: Type.Boolean() }, closed),
    problem: nullable(Type.String()),
  },
  { ...closed, $id: 'Route' },
);

export const RouteListSchema = Type.Object(
  {
    routes: Type.Array(reference(RouteSchema)),
    total: Type.Integer({ minimum: 0 }),
    next: nullable(Type.Integer(), { description: '`offset` of the next page; null: this was the last one' }),
  },
  { ...closed, $id: 'RouteList' },
);

export type RouteResource = Static<typeof RouteSchema>;

export function presentRoute(route: RouteStatus): RouteResource {
  return {
    prefix: route.prefix,
    target: route.target,
    programmed: { xdp: route.programmed.xdp, kernel: route.programmed.kernel },
    problem: route.problem,
  };
}
