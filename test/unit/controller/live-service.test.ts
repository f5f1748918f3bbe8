import { afterEach, describe, expect, it } from 'vitest';
import { Controller } from '../../../src/controller/controller.js';
import { LiveService } from '../../../src/controller/live-service.js';
import { systemClock } from '../../../src/system-clock.js';
import { configOf } from '../../helpers/config.js';
import { FakePlane, fakeFib, foreignRule, viewOf } from '../../helpers/fake-planes.js';
import { GoodTelemetry } from '../../helpers/good-telemetry.js';
import { until } from '../../helpers/poll.js';

const UPLINKS = `uplinks:
  a: {interface: eth1, gateway: 10.0.1.1, forwarding: stack, probes: [{type: icmp, targets: [gateway]}]}
`;

let controller: Controller;
afterEach(() => controller.close());

async function health(head = ''): Promise<ReturnType<LiveService['health']>> {
  const foreignRules = [foreignRule('ipv4: 7: from all fwmark 0x1 lookup 7')];
  controller = new Controller(configOf(head + UPLINKS), {
    plane: new FakePlane(),
    fib: fakeFib({ ...viewOf(1), foreignRules }),
    telemetry: new GoodTelemetry(),
    clock: systemClock,
  });
  await controller.start();
  await until(() => controller.paths().every((path) => path.alive), { what: 'the path alive' });
  return new LiveService(controller).health();
}

describe('health', () => {
  it('names what is slower than it could be, once each, and is still ok', async () => {
    const { status, problems } = await health();
    expect(status).toBe('ok');
    expect(problems).toEqual([
      'uplink a is forwarded by the stack: configured: forwarding is stack',
      expect.stringMatching(
        /^the policy rule "ipv4: 7: from all fwmark 0x1 lookup 7" is not Detour's .*\(ip rule del\)/,
      ),
    ]);
  });

  it('says nothing of that in observe mode, where nothing is forwarded by XDP anyway', async () => {
    expect((await health('mode: observe\n')).problems).toEqual([]);
  });
});
