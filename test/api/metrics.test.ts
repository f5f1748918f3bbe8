import { expect, test } from 'vitest';
import { metricCatalogue, statisticMetric } from '../../src/api/metrics/catalogue.js';
import { DetourError } from '../../src/errors.js';
import { useApi } from '../helpers/api.js';
import { expectPage, replaceRegion } from '../helpers/docs.js';

const makeApi = useApi();

async function scrape(app: ReturnType<typeof makeApi>['app']): Promise<string[]> {
  const answer = await app.inject('/metrics');
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  return answer.body.split('\n');
}

test('the state of every path is one series a state, of which one is 1', async () => {
  const { app } = makeApi();
  const lines = await scrape(app);
  const lte4 = lines.filter((line) => line.startsWith('detour_path_state{uplink="lte",family="4"'));
  expect(lte4).toHaveLength(7);
  expect(lte4.filter((line) => line.endsWith(' 1'))).toEqual([
    'detour_path_state{uplink="lte",family="4",state="degraded"} 1',
  ]);
  expect(lines).toContain('detour_path_alive{uplink="lte",family="6"} 0');
  expect(lines).toContain('detour_path_failures_total{uplink="lte",family="6"} 3');
  expect(lines).toContain('detour_path_state_seconds{uplink="fibre",family="4"} 192');
});

test('quality is in base units, and absent where it is not known', async () => {
  const { app } = makeApi();
  const lines = await scrape(app);
  const labels = '{uplink="lte",family="4",probe="icmp-1",target="198.51.100.1"}';
  expect(lines).toContain(`detour_target_loss_ratio${labels} 0.02`);
  expect(lines).toContain(`detour_target_rtt_seconds${labels} 0.181`);
  expect(lines).toContain(`detour_target_jitter_seconds${labels} 0.0094`);
  const silent = lines.filter((line) => line.includes('2001:db8:f::1') && line.includes('uplink="lte"'));
  expect(silent.some((line) => line.startsWith('detour_target_loss_ratio'))).toBe(true);
  expect(silent.some((line) => line.startsWith('detour_target_rtt_seconds'))).toBe(false);
});

test('traffic, reasons, groups, routes, interfaces and events are counted', async () => {
  const { app, service } = makeApi();
  service.recordOneOfEach();
  const lines = await scrape(app);
  expect(lines).toEqual(
    expect.arrayContaining([
      'detour_path_transmitted_packets_total{uplink="lte",family="4"} 123456',
      'detour_path_transmitted_bytes_total{uplink="lte",family="4"} 98765432',
      'detour_interface_packets_total{interface="eth0",reason="not-ip"} 42',
      'detour_interface_xdp_mode{interface="eth1",mode="generic"} 1',
      'detour_group_active{group="internet",family="4",uplink="fibre"} 1',
      'detour_group_active{group="internet",family="4",uplink="lte"} 0',
      'detour_routes 3',
      'detour_routes_programmed{plane="kernel"} 2',
      'detour_routes_problems 1',
      'detour_all_down_believed{family="6"} 0',
      'detour_events_total 8',
    ]),
  );
});

test('an uplink that is gone leaves no series behind', async () => {
  const { app, service } = makeApi();
  expect((await scrape(app)).some((line) => line.includes('uplink="lte"'))).toBe(true);
  service.uplinkList.pop();
  service.groupList.length = 0;
  expect((await scrape(app)).some((line) => line.includes('uplink="lte"'))).toBe(false);
});

test('statistics of the parts become metrics of their own, whatever their names look like', async () => {
  const { app, service } = makeApi();
  service.parts = {
    'health.probesSent_total': 1200,
    'controller.lateTicks': 3,
    'x y/z': 1,
    routes: 99,
    bad: Number.NaN,
  };
  const lines = await scrape(app);
  expect(lines).toEqual(
    expect.arrayContaining([
      '# TYPE detour_health_probes_sent_total counter',
      'detour_health_probes_sent_total 1200',
      '# TYPE detour_controller_late_ticks gauge',
      'detour_controller_late_ticks 3',
      'detour_x_y_z 1',
      'detour_routes 3',
    ]),
  );
  expect(statisticMetric('detour_probes_total')).toEqual({ name: 'detour_probes_total', kind: 'counter' });
});

test('docs/metrics.md has every metric with its kind, its labels and its meaning', async () => {
  const rows = Object.entries(metricCatalogue).map(([name, { kind, labels, help }]) => {
    const shown = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${kind} | ${shown} | ${help} |`;
  });
  const table = ['| metric | kind | labels | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
  await expectPage('metrics.md', async (text) => replaceRegion(text, 'metrics', table));
});

test('statistics that are known have their documented names and base units', async () => {
  const { app, service } = makeApi();
  service.parts = { icmpSent: 500, transmitterStalledUs: 2_500_000, icmpSessions: 4 };
  expect(await scrape(app)).toEqual(
    expect.arrayContaining([
      'detour_icmp_sent_total 500',
      'detour_transmitter_stalled_seconds_total 2.5',
      '# TYPE detour_icmp_sessions gauge',
      'detour_icmp_sessions 4',
    ]),
  );
});

test('a controller that is starting can be scraped already', async () => {
  const { app, service } = makeApi();
  service.isReady = false;
  service.health = () => {
    throw new DetourError('NOT_READY');
  };
  const lines = await scrape(app);
  expect(lines).toContain('detour_ready 0');
  expect(lines.filter((line) => /^detour_(path_state|uptime_seconds|icmp_sessions|routes)/.test(line))).toEqual([]);
});

test('names follow the conventions of Prometheus: base units, counters end in _total', () => {
  for (const [name, { kind }] of Object.entries(metricCatalogue)) {
    expect(name.endsWith('_total'), name).toBe(kind === 'counter');
    expect(name).not.toMatch(/_(ms|us|milliseconds|microseconds|percent|kilobytes)(_|$)/);
  }
});
