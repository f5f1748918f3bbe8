import { afterEach, describe, expect, it } from 'vitest';
import { Controller } from '../../../src/controller/controller.js';
import { systemClock } from '../../../src/system-clock.js';
import { configOf } from '../../helpers/config.js';
import { FakePlane, fakeFib, viewOf } from '../../helpers/fake-planes.js';
import { GoodTelemetry } from '../../helpers/good-telemetry.js';
import { until } from '../../helpers/poll.js';

const uplinks = (...numbers: number[]): string =>
  [
    'uplinks:',
    ...numbers.map(
      (n) => `  u${n}: {interface: eth${n}, gateway: {ipv4: 10.0.${n}.1}, probes: [{type: icmp, targets: [gateway]}]}`,
    ),
    '',
  ].join('\n');

let controller: Controller;
afterEach(() => controller.close());

async function started(text: string): Promise<{ plane: FakePlane; telemetry: GoodTelemetry }> {
  const plane = new FakePlane();
  const telemetry = new GoodTelemetry();
  controller = new Controller(configOf(text), { plane, fib: fakeFib(viewOf(4)), telemetry, clock: systemClock });
  await controller.start();
  await until(() => controller.paths().every((path) => path.alive), { what: 'all paths alive' });
  return { plane, telemetry };
}

const aliveIds = (plane: FakePlane): number[] =>
  [...plane.liveness]
    .filter(([, alive]) => alive)
    .map(([id]) => id)
    .sort();

describe('a reload', () => {
  it('clears the bit of a removed uplink at once, and leaves the others', async () => {
    const { plane } = await started(uplinks(1, 2));
    expect(aliveIds(plane)).toEqual([1, 3]);
    controller.reconfigure(configOf(uplinks(1)));
    expect(aliveIds(plane)).toEqual([1]);
  });

  it('gives the number of a removed uplink to a new one only after every plane has dropped it', async () => {
    const { plane } = await started(uplinks(1, 2));
    controller.reconfigure(configOf(uplinks(2, 3)));
    expect(controller.uplinkIndex.of('u3')).toBe(2);
    await until(() => controller.uplinkIndex.resting().length === 0, { what: 'the number of u1 free' });
    controller.reconfigure(configOf(uplinks(2, 3, 4)));
    expect(controller.uplinkIndex.of('u4')).toBe(0);
    await until(() => aliveIds(plane).length === 3, { what: 'all three alive' });
  });

  it('does not take a new uplink for alive because it has the number of a removed one', async () => {
    const { plane, telemetry } = await started(uplinks(1, 2));
    telemetry.silent = true;
    controller.reconfigure(configOf(uplinks(2)));
    await until(() => controller.uplinkIndex.resting().length === 0, { what: 'the number of u1 free' });
    controller.reconfigure(configOf(uplinks(2, 3)));
    expect(controller.uplinkIndex.of('u3')).toBe(0);
    expect(aliveIds(plane)).toEqual([3]);
    telemetry.silent = false;
    // The new probes are handed over in a later turn.
    await until(() => (telemetry.answer(), aliveIds(plane).length === 2), { what: 'the new uplink alive' });
    expect(aliveIds(plane)).toEqual([1, 3]);
  });

  it('keeps tables, pins and listeners as they were made, and takes keep_on_exit over', async () => {
    await started(uplinks(1));
    const { kernel, dataplane, api } = controller.config;
    const changed =
      'kernel: {metric: 7, keep_on_exit: true}\ndataplane: {max_routes: 4096}\napi: {socket: /run/other}\n';
    controller.reconfigure(configOf(uplinks(1) + changed));
    expect(controller.config.kernel).toEqual({ ...kernel, keepOnExit: true });
    expect([controller.config.dataplane, controller.config.api]).toEqual([dataplane, api]);
  });

  it('changes nothing and records nothing for paths that stay', async () => {
    const { plane } = await started(uplinks(1, 2));
    const before = controller.events.read(0, 1000).newest;
    controller.reconfigure(configOf(uplinks(1, 2, 3)));
    const records = controller.events.read(before, 1000).entries.map((entry) => entry.record);
    expect(records.filter((record) => record.kind === 'path' && record.uplink !== 'u3')).toEqual([]);
    expect(aliveIds(plane)).toEqual([1, 3]);
  });
});
