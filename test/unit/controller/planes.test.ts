import { afterEach, describe, expect, it } from 'vitest';
import { Controller } from '../../../src/controller/controller.js';
import type { KernelView } from '../../../src/controller/ports.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { MacAddress } from '../../../src/net/mac-address.js';
import { systemClock } from '../../../src/system-clock.js';
import { configOf } from '../../helpers/config.js';
import { FakeFib, FakePlane, viewOf } from '../../helpers/fake-planes.js';
import { GoodTelemetry } from '../../helpers/good-telemetry.js';
import { until } from '../../helpers/poll.js';

const config = configOf(`
uplinks:
  a: {interface: eth1, gateway: {ipv4: 10.0.1.1}, probes: [{type: icmp, targets: [gateway]}]}
  b: {interface: eth2, gateway: {ipv4: 10.0.2.1}, probes: [{type: icmp, targets: [gateway]}]}
routes:
  - {to: 0.0.0.0/0, group: default}
`);

/** Refuses with an exception until it is mended. */
class BrokenPlane extends FakePlane {
  broken = true;
  override apply(...intent: Parameters<FakePlane['apply']>): ReturnType<FakePlane['apply']> {
    if (this.broken) throw new Error('map is gone');
    return super.apply(...intent);
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Nothing is being programmed, and the pause after the last pass is over: the next request is served at once. */
async function quiet(fib: FakeFib): Promise<void> {
  let passes = -1;
  let sinceUs = 0;
  const hasRested = (): boolean => {
    if (passes !== fib.applied.length) [passes, sinceUs] = [fib.applied.length, systemClock.nowUs()];
    return systemClock.nowUs() - sinceUs > 100_000;
  };
  await until(hasRested, { what: 'no pass for 100 ms' });
}

let controller: Controller;
afterEach(() => controller.close());

function make<P extends FakePlane>(plane: P) {
  const fib = new FakeFib(viewOf(3));
  const telemetry = new GoodTelemetry();
  controller = new Controller(config, { plane, fib, telemetry, clock: systemClock });
  return { plane, fib, telemetry };
}

describe('a plane that fails', () => {
  it('keeps neither probes nor kernel routes from what is due, and is not called ready', async () => {
    const { plane, fib, telemetry } = make(new BrokenPlane());
    await controller.start();
    expect(controller.ready).toBe(false);
    expect(controller.problems).toEqual(['data plane: map is gone']);
    expect(telemetry.intents.map(({ uplink }) => uplink)).toEqual(['a', 'b']);
    expect(fib.applied.length).toBeGreaterThan(0);
    plane.broken = false;
    await until(() => controller.ready && controller.problems.length === 0, { what: 'ready after the mend' });
    expect(plane.applied?.routes.length).toBe(1);
  });
});

describe('kernel routes', () => {
  it('are left as found until the first member has been judged', async () => {
    const { fib, telemetry } = make(new FakePlane());
    telemetry.silent = true;
    await controller.start();
    expect(fib.applied.at(-1)?.groups).toMatchObject([{ active: [], undecided: true }]);
    telemetry.answer();
    await until(() => fib.applied.at(-1)?.groups[0]?.active.length === 1, { what: 'a member in the kernel' });
    expect(fib.applied.at(-1)?.groups[0]?.undecided).toBe(false);
  });
});

describe('news of neighbours', () => {
  const mac = MacAddress.parse('02:00:00:00:00:02');

  const withNeighbour = (view: KernelView, address: string): KernelView => {
    const entry = { ifindex: 2, address: IpAddress.parse(address), mac, state: 'reachable' as const };
    return { ...view, neighbours: [...view.neighbours.filter((one) => !one.address.equals(entry.address)), entry] };
  };

  it('are programmed when they are about a gateway, and only then', async () => {
    const { fib, plane } = make(new FakePlane());
    await controller.start();
    await until(() => controller.paths().every((path) => path.alive), { what: 'all paths alive' });
    fib.become(withNeighbour(fib.current, '10.0.2.1'), 'neighbour');
    const macOf = (): string | undefined =>
      plane.applied?.nextHops.find(({ ifindex }) => ifindex === 2)?.gatewayMac?.toString();
    await until(() => macOf() === mac.toString(), { what: 'the new MAC in the data plane' });
    await quiet(fib);
    const passes = fib.applied.length;
    for (let host = 10; host < 200; host++) fib.become(withNeighbour(fib.current, `10.0.2.${host}`), 'neighbour');
    await turns(10);
    expect(fib.applied.length).toBe(passes);
    fib.become(fib.current, 'route');
    await until(() => fib.applied.length > passes, { what: 'a pass for the route' });
  });
});

describe('a bit that the watch over links has cleared', () => {
  /** Takes "alive" only when told to, as the data plane does for a moment after its watch has cleared a bit. */
  class WithholdingPlane extends FakePlane {
    withholds = false;
    override setLiveness(changes: readonly { nextHop: number; alive: boolean }[]): void {
      super.setLiveness(changes.filter(({ alive }) => !(alive && this.withholds)));
    }
  }

  it('is written again although the link was back before anybody could hear that it went', async () => {
    const { plane, fib } = make(new WithholdingPlane());
    await controller.start();
    await until(() => controller.paths().every((path) => path.alive), { what: 'all paths alive' });
    plane.withholds = true;
    plane.liveness.set(1, false);
    const passes = fib.applied.length;
    fib.become(fib.current, 'link');
    await until(() => fib.applied.length > passes, { what: 'a pass' });
    expect(plane.readLiveness(1)).toBe(false);
    plane.withholds = false;
    await until(() => plane.readLiveness(1), { what: 'the bit again', timeoutMs: 10_000 });
  });
});
