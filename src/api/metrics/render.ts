/** Fills the metrics page from the service: one function for each kind of thing. */
import type { ControllerService, PathStatus, UplinkStatus } from '../../controller/service.js';
import type { ApiContext } from '../context.js';
import { pathStates } from '../resources/uplink.js';
import { statisticCatalogue, statisticMetric } from './catalogue.js';
import { writeGateways } from './gateways.js';
import { MetricsPage } from './page.js';

/** The whole page in Prometheus' text format 0.0.4. */
export async function renderMetrics(context: ApiContext): Promise<{ text: string; contentType: string }> {
  const { service } = context;
  const page = new MetricsPage();
  page.set('detour_build_info', { version: context.version }, 1);
  page.set('detour_ready', {}, service.ready());
  writeProcess(page);
  // Before that there is no state to speak of; a scraper learns that it is starting, and not an error.
  if (!service.ready()) return page.text();
  writeController(page, context);
  for (const uplink of service.uplinks()) writeUplink(page, uplink, context.clock.nowUs());
  writeGroups(page, service);
  writeRoutes(page, service);
  writeInterfaces(page, service);
  writeGateways(page, service.gateways());
  writeStatistics(page, service);
  return page.text();
}

function writeStatistics(page: MetricsPage, service: ControllerService): void {
  for (const [name, value] of Object.entries(service.statistics())) {
    const known = Object.hasOwn(statisticCatalogue, name) ? statisticCatalogue[name] : undefined;
    if (known !== undefined) {
      page.setPlain(known.metric, value * (known.scale ?? 1));
    } else {
      const metric = statisticMetric(name);
      page.setStatistic(metric.name, metric.kind, value);
    }
  }
}

function writeController(page: MetricsPage, { service, streams }: ApiContext): void {
  const health = service.health();
  page.set('detour_uptime_seconds', {}, health.uptimeMs / 1000);
  page.set('detour_observe_mode', {}, health.mode === 'observe');
  page.set('detour_problems', {}, health.problems.length);
  for (const { family, suspected, believed } of health.families) {
    page.set('detour_all_down_suspected', { family }, suspected);
    page.set('detour_all_down_believed', { family }, believed);
  }
  page.set('detour_events_total', {}, service.events(Number.MAX_SAFE_INTEGER, 1).newest);
  page.set('detour_event_streams', {}, streams.count);
}

function writeUplink(page: MetricsPage, uplink: UplinkStatus, nowUs: number): void {
  page.set('detour_uplink_drained', { uplink: uplink.name }, uplink.drained);
  page.set('detour_uplink_xdp', { uplink: uplink.name, interface: uplink.interface }, uplink.forwarding.by === 'xdp');
  for (const path of uplink.paths) writePath(page, uplink.name, path, nowUs);
}

function writePath(page: MetricsPage, uplink: string, path: PathStatus, nowUs: number): void {
  const { family } = path;
  for (const state of pathStates) page.set('detour_path_state', { uplink, family, state }, path.state === state);
  page.set('detour_path_state_seconds', { uplink, family }, Math.max(0, nowUs - path.sinceUs) / 1e6);
  page.set('detour_path_alive', { uplink, family }, path.alive);
  page.set('detour_path_failures_total', { uplink, family }, path.failures);
  page.set('detour_path_damping_merit', { uplink, family }, path.damping.figureOfMerit);
  page.set('detour_path_damping_suppressed', { uplink, family }, path.damping.suppressed);
  page.set('detour_path_transmitted_packets_total', { uplink, family }, path.transmitted.packets);
  page.set('detour_path_transmitted_bytes_total', { uplink, family }, path.transmitted.bytes);
  for (const { probe, target, good, window } of path.targets) {
    const labels = { uplink, family, probe, target };
    if (good !== null) page.set('detour_target_good', labels, good);
    if (window === null) continue;
    page.set('detour_target_loss_ratio', labels, window.lossPercent / 100);
    if (window.latencyUs !== null) page.set('detour_target_rtt_seconds', labels, window.latencyUs / 1e6);
    if (window.jitterUs !== null) page.set('detour_target_jitter_seconds', labels, window.jitterUs / 1e6);
  }
}

function writeGroups(page: MetricsPage, service: ControllerService): void {
  for (const { group, family, order, active, forced } of service.groups()) {
    page.set('detour_group_forced', { group, family }, forced !== null);
    for (const { uplink } of order.flat()) {
      page.set('detour_group_active', { group, family, uplink }, active.includes(uplink));
    }
  }
}

function writeRoutes(page: MetricsPage, service: ControllerService): void {
  const routes = service.routes();
  page.set('detour_routes', {}, routes.length);
  page.set('detour_routes_programmed', { plane: 'xdp' }, routes.filter((route) => route.programmed.xdp).length);
  page.set('detour_routes_programmed', { plane: 'kernel' }, routes.filter((route) => route.programmed.kernel).length);
  page.set('detour_routes_problems', {}, routes.filter((route) => route.problem !== null).length);
}

function writeInterfaces(page: MetricsPage, service: ControllerService): void {
  for (const status of service.interfaces()) {
    page.set('detour_interface_carrier', { interface: status.name }, status.carrier);
    for (const mode of ['native', 'generic', 'none'] as const) {
      page.set('detour_interface_xdp_mode', { interface: status.name, mode }, status.xdp === mode);
    }
    for (const [reason, count] of Object.entries(status.reasons)) {
      page.set('detour_interface_packets_total', { interface: status.name, reason }, count);
    }
  }
}

function writeProcess(page: MetricsPage): void {
  const { user, system } = process.cpuUsage();
  page.set('process_cpu_seconds_total', {}, (user + system) / 1e6);
  page.set('process_resident_memory_bytes', {}, process.memoryUsage.rss());
}
