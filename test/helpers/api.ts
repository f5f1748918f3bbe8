/** An app over a fake service, built for one test and closed after it. */
import { afterEach } from 'vitest';
import type { FastifyInstance } from 'fastify';
import { buildApp, type ApiOptions } from '../../src/api/app.js';
import { FakeService } from './fake-service.js';

export interface TestApi {
  app: FastifyInstance;
  service: FakeService;
  /** What the app reported as its own fault. */
  faults: unknown[];
}

const open: FastifyInstance[] = [];

/** Call once in a test file; gives the function that builds an app. */
export function useApi(): (options?: Partial<ApiOptions>) => TestApi {
  afterEach(async () => {
    await Promise.all(open.splice(0).map((app) => app.close()));
  });
  return (options = {}) => {
    const service = new FakeService();
    const faults: unknown[] = [];
    const onFault = (error: unknown): void => void faults.push(error);
    const app = buildApp(service, { clock: service.clock, version: '1.2.3', onFault, ...options });
    open.push(app);
    return { app, service, faults };
  };
}
