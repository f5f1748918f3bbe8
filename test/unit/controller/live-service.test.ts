import { afterEach, describe, expect, it } from 'vitest';
import { Controller } from '../../../src/controller/controller.js';
import { LiveService } from '../../../src/controller/live-service.js';
import type { KernelView } from '../../../src/controller/ports.js';
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

/** @param uplinks those of the configuration; the path of `a` is waited for */
async function health(
  head = '',
  uplinks = UPLINKS,
  change: Partial<KernelView> = {},
): Promise<ReturnType<LiveService['health']>> {
  const foreignRules = [foreignRule('ipv4: 7: from all fwmark 0x1 lookup 7')];
  controller = new Controller(configOf(head + uplinks), {
    plane: new FakePlane(),
    fib: fakeFib({ ...viewOf(1), foreignRules, ...change }),
    telemetry: new GoodTelemetry(),
    clock: systemClock,
  });
  await controller.start();
  await until(() => controller.paths().every((path) => path.alive || path.state === 'down'), {
    what: 'the path alive',
  });
  return new LiveService(controller).health();
}

describe('health', () => {
  it('names what is slower than it could be, once each, and is still ok', async () => {
    const { status, problems } = await health();
    expect(status).toBe('ok');
    expect(problems).toEqual([
      'uplink a is not forwarded by XDP: configured: forwarding is stack',
      expect.stringMatching(
        /^the policy rule "ipv4: 7: from all fwmark 0x1 lookup 7" is not Detour's .*\(ip rule del\)/,
      ),
    ]);
  });

  it('names the path that makes it degraded, and the group that carries nothing', async () => {
    const gone = `${UPLINKS}  b: {interface: eth9, gateway: 10.0.9.1}
groups: {net: {tiers: [[a]]}, rest: {tiers: [[b]]}}
routes: [{to: 0.0.0.0/0, group: net}, {to: 192.0.2.0/24, group: rest}]
`;
    const { status, problems } = await health('mode: observe\n', gone);
    expect(status).toBe('degraded');
    expect(problems).toEqual([
      'group rest carries no IPv4 traffic: none of its uplinks can be used',
      'b IPv4 is down: link down: interface eth9 does not exist',
    ]);
  });

  it('tells of a strict check of sources, which costs XDP', async () => {
    const links = new Map([...viewOf(1).links].map(([index, one]) => [index, { ...one, rpFilter: 1 }]));
    expect((await health('', UPLINKS, { links, foreignRules: [] })).problems.slice(1)).toEqual([
      'eth1 checks IPv4 sources strictly (rp_filter), so the stack forwards what comes in by it: ' +
        'set net.ipv4.conf.eth1.rp_filter to 0 or 2 (the greatest of it and conf.all counts)',
    ]);
  });

  it('says nothing of that in observe mode, where nothing is forwarded by XDP anyway', async () => {
    expect((await health('mode: observe\n')).problems).toEqual([]);
  });
});
