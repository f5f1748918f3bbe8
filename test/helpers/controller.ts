/** A pretended controller that really listens: a fake service behind the API's own listeners. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { listen, type ApiListeners } from '../../src/api/listen.js';
import { FakeService } from './fake-service.js';

export interface TestController {
  service: FakeService;
  socket: string;
  /** Address of the TCP listener; its token is TEST_TOKEN. */
  url: string;
  stop(): Promise<void>;
  /** A new process, as it were: a new service and a new event log on the same socket. */
  restart(): Promise<void>;
}

export const TEST_TOKEN = 'a-token-for-tests';

/** Call once in a test file; gives the function that starts one. */
export function useController(): () => Promise<TestController> {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });
  return async () => {
    let runs = 0;
    const directory = mkdtempSync(join(tmpdir(), `dt-cli-${process.pid}-`));
    const socket = join(directory, 'detour.sock');
    let listeners: ApiListeners | null = null;
    const start = async (): Promise<void> => {
      controller.service = new FakeService(undefined, `run${++runs}`);
      const tcp = { host: '127.0.0.1', port: 0, token: TEST_TOKEN };
      listeners = await listen(controller.service, { socket, tcp }, { clock: controller.service.clock });
      controller.url = listeners.addresses[1]!;
    };
    const stop = async (): Promise<void> => {
      await listeners?.close();
      listeners = null;
    };
    const controller: TestController = {
      service: new FakeService(),
      socket,
      url: '',
      stop,
      restart: async () => {
        await stop();
        await start();
      },
    };
    cleanups.push(async () => {
      await stop();
      rmSync(directory, { recursive: true });
    });
    await start();
    return controller;
  };
}
