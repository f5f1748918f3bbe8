/** The router as a whole: healthy or not, and what is wrong. */
import { Type, type Static } from 'typebox';
import type { HealthSummary } from '../../controller/service.js';
import { closed, FamilySchema, nullable, presentTime, TimeSchema, type ApiClock } from './common.js';

export const HealthSchema = Type.Object(
  {
    run: Type.String({ description: 'names this run of the controller; another after each start' }),
    status: Type.Enum(['ok', 'degraded', 'down']),
    mode: Type.Enum(['active', 'observe']),
    ready: Type.Boolean({ description: 'the first configuration is programmed' }),
    problems: Type.Array(Type.String()),
    families: Type.Array(
      Type.Object(
        {
          family: FamilySchema,
          suspected: Type.Boolean({ description: 'every path is judged down' }),
          believed: Type.Boolean({ description: '... by enough paths to believe it' }),
          since: nullable(TimeSchema),
          lastGood: nullable(Type.String(), { description: 'uplink kept in use meanwhile' }),
        },
        closed,
      ),
    ),
    uptimeMs: Type.Number({ minimum: 0 }),
  },
  { ...closed, $id: 'Health' },
);

/** /healthz and /readyz. */
export const AliveSchema = Type.Object({ status: Type.Literal('ok') }, { ...closed, $id: 'Alive' });

export type HealthResource = Static<typeof HealthSchema>;

export function presentHealth(health: HealthSummary, ready: boolean, clock: ApiClock): HealthResource {
  return {
    run: health.run,
    status: health.status,
    mode: health.mode,
    ready,
    problems: [...health.problems],
    families: health.families.map((view) => ({
      family: view.family,
      suspected: view.suspected,
      believed: view.believed,
      since: view.sinceUs === null ? null : presentTime(view.sinceUs, clock),
      lastGood: view.lastGood,
    })),
    uptimeMs: health.uptimeMs,
  };
}
