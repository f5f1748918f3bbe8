/** Metrics of gateway nodes. A router without `gateways` has none of them. */
import type { GatewaysStatus, GatewayStatus } from '../../controller/gateway-status.js';
import { gatewayStates } from '../resources/event.js';
import type { MetricsPage } from './page.js';

export function writeGateways(page: MetricsPage, status: GatewaysStatus): void {
  if (!status.enabled) return;
  for (const family of [4, 6] as const) {
    page.set('detour_gateway_needed', { family, role: 'active' }, status.need.active.includes(family));
    page.set('detour_gateway_needed', { family, role: 'standby' }, status.need.standby.includes(family));
  }
  page.set('detour_gateways_paired', {}, status.gateways.length);
  page.set('detour_gateways_unpaired', {}, status.unpaired.length);
  for (const gateway of status.gateways) writeGateway(page, gateway);
  for (const [reason, count] of Object.entries(status.discarded)) {
    page.set('detour_gateway_messages_discarded_total', { reason }, count);
  }
}

function writeGateway(page: MetricsPage, gateway: GatewayStatus): void {
  const { name, offer, lease, usage } = gateway;
  const labels = { gateway: name };
  for (const state of gatewayStates) page.set('detour_gateway_state', { ...labels, state }, gateway.state === state);
  page.set('detour_gateway_state_seconds', labels, gateway.sinceMs / 1000);
  if (gateway.lastHeardMs !== null) page.set('detour_gateway_last_heard_seconds', labels, gateway.lastHeardMs / 1000);
  if (lease !== null) {
    page.set('detour_gateway_lease_seconds', { ...labels, role: lease.role }, lease.leftMs / 1000);
    page.set('detour_gateway_lease_bytes', { ...labels, direction: 'to_network' }, usage.toNetworkBytes);
    page.set('detour_gateway_lease_bytes', { ...labels, direction: 'from_network' }, usage.fromNetworkBytes);
  }
  if (usage.budget !== null) {
    page.set('detour_gateway_budget_used_bytes', labels, usage.budget.usedBytes);
    page.set('detour_gateway_budget_limit_bytes', labels, usage.budget.limitBytes);
  }
  if (offer !== null && offer.battery !== null) {
    page.set('detour_gateway_battery_ratio', labels, offer.battery.percent / 100);
  }
  for (const { family, state, lossPercent, rttUs } of gateway.measured) {
    if (state !== 'unknown') page.set('detour_gateway_path_good', { ...labels, family }, state === 'good');
    if (lossPercent !== null) page.set('detour_gateway_path_loss_ratio', { ...labels, family }, lossPercent / 100);
    if (rttUs !== null) page.set('detour_gateway_path_rtt_seconds', { ...labels, family }, rttUs / 1e6);
  }
}
