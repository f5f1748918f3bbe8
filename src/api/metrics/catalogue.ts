/**
 * Every metric with its kind, labels and help text; docs/metrics.md has one row for each, which a test asserts.
 * Base units as Prometheus wants them: seconds, bytes, ratios from 0 to 1.
 */
export interface MetricDefinition {
  kind: 'gauge' | 'counter';
  labels: readonly string[];
  help: string;
}

const path = ['uplink', 'family'] as const;
const gateway = ['gateway'] as const;
const target = ['uplink', 'family', 'probe', 'target'] as const;

export const metricCatalogue = {
  detour_build_info: { kind: 'gauge', labels: ['version'], help: 'Always 1; the label says which version runs.' },
  detour_ready: { kind: 'gauge', labels: [], help: '1 once the first configuration has been programmed.' },
  detour_uptime_seconds: { kind: 'gauge', labels: [], help: 'Time since the controller started.' },
  detour_observe_mode: {
    kind: 'gauge',
    labels: [],
    help: '1 in mode "observe": writes no routes, rules or nexthops, forwards nothing.',
  },
  detour_problems: { kind: 'gauge', labels: [], help: 'Problems that GET /v1/health lists.' },

  detour_path_state: {
    kind: 'gauge',
    labels: [...path, 'state'],
    help: '1 for the state the path is in, 0 for the others.',
  },
  detour_path_state_seconds: { kind: 'gauge', labels: path, help: 'Time since the path entered its state.' },
  detour_path_alive: { kind: 'gauge', labels: path, help: 'The liveness bit: 0 = no packet is sent by this path.' },
  detour_path_failures_total: { kind: 'counter', labels: path, help: 'Times the path went down.' },
  detour_path_damping_merit: { kind: 'gauge', labels: path, help: 'Figure of merit of flap damping (RFC 2439).' },
  detour_path_damping_suppressed: { kind: 'gauge', labels: path, help: '1 while damping keeps the path out of use.' },
  detour_path_transmitted_packets_total: {
    kind: 'counter',
    labels: path,
    help: 'Packets that XDP sent to this next hop.',
  },
  detour_path_transmitted_bytes_total: { kind: 'counter', labels: path, help: 'Bytes that XDP sent to this next hop.' },
  detour_uplink_drained: {
    kind: 'gauge',
    labels: ['uplink'],
    help: '1 while an operator keeps the uplink out of use.',
  },
  detour_uplink_xdp: { kind: 'gauge', labels: ['uplink', 'interface'], help: '1: forwarded by XDP; 0: by the stack.' },

  detour_target_good: {
    kind: 'gauge',
    labels: target,
    help: '1: the target answers; 0: it does not; absent: not judged yet.',
  },
  detour_target_loss_ratio: { kind: 'gauge', labels: target, help: 'Lost probes in the sliding window, 0 to 1.' },
  detour_target_rtt_seconds: {
    kind: 'gauge',
    labels: target,
    help: 'Mean round trip in the window; absent: no reply.',
  },
  detour_target_jitter_seconds: {
    kind: 'gauge',
    labels: target,
    help: 'Mean difference of consecutive round trips in the window; absent: fewer than two replies.',
  },

  detour_group_active: {
    kind: 'gauge',
    labels: ['group', 'family', 'uplink'],
    help: '1 for each member that carries traffic now, 0 for the others.',
  },
  detour_group_forced: {
    kind: 'gauge',
    labels: ['group', 'family'],
    help: '1 while an operator has forced an uplink.',
  },
  detour_all_down_suspected: { kind: 'gauge', labels: ['family'], help: '1 while every path is judged down.' },
  detour_all_down_believed: {
    kind: 'gauge',
    labels: ['family'],
    help: '1 while enough paths agree that all are down.',
  },

  detour_routes: { kind: 'gauge', labels: [], help: 'Configured routes.' },
  detour_routes_programmed: { kind: 'gauge', labels: ['plane'], help: 'Routes that the plane (xdp, kernel) has.' },
  detour_routes_problems: { kind: 'gauge', labels: [], help: 'Routes with a problem.' },

  detour_interface_carrier: { kind: 'gauge', labels: ['interface'], help: '1: the interface has carrier.' },
  detour_interface_xdp_mode: {
    kind: 'gauge',
    labels: ['interface', 'mode'],
    help: '1 for the mode in use: native, generic or none.',
  },
  detour_interface_packets_total: {
    kind: 'counter',
    labels: ['interface', 'reason'],
    help: 'Packets received by the XDP program, by what was done with them.',
  },

  detour_events_total: { kind: 'counter', labels: [], help: 'Entries ever written to the event log.' },
  detour_event_streams: { kind: 'gauge', labels: [], help: 'Live event streams that are open.' },

  detour_gateway_needed: {
    kind: 'gauge',
    labels: ['family', 'role'],
    help: '1 while a gateway node is needed: active (no configured uplink works) or standby.',
  },
  detour_gateways_paired: { kind: 'gauge', labels: [], help: 'Gateway nodes that there is a pairing with.' },
  detour_gateways_unpaired: {
    kind: 'gauge',
    labels: [],
    help: 'Nodes that advertise here without a pairing; they are never elected.',
  },
  detour_gateway_state: {
    kind: 'gauge',
    labels: ['gateway', 'state'],
    help: '1 for the state the node is in, 0 for the others.',
  },
  detour_gateway_state_seconds: { kind: 'gauge', labels: gateway, help: 'Time since the node entered its state.' },
  detour_gateway_last_heard_seconds: {
    kind: 'gauge',
    labels: gateway,
    help: 'Time since the node was heard; absent: not since the start.',
  },
  detour_gateway_lease_seconds: {
    kind: 'gauge',
    labels: ['gateway', 'role'],
    help: 'Time that is left of the lease; absent: not elected.',
  },
  detour_gateway_lease_bytes: {
    kind: 'gauge',
    labels: ['gateway', 'direction'],
    help: 'Bytes carried under the present lease, as the node counts: to_network, from_network.',
  },
  detour_gateway_budget_used_bytes: {
    kind: 'gauge',
    labels: gateway,
    help: 'Bytes of this day or month that count against the budget.',
  },
  detour_gateway_budget_limit_bytes: { kind: 'gauge', labels: gateway, help: 'The budget; absent: there is none.' },
  detour_gateway_battery_ratio: {
    kind: 'gauge',
    labels: gateway,
    help: 'Battery of the node, 0 to 1; absent: on mains.',
  },
  detour_gateway_path_good: {
    kind: 'gauge',
    labels: ['gateway', 'family'],
    help: '1: probes through the node are answered; 0: they are not; absent: not judged yet.',
  },
  detour_gateway_path_loss_ratio: {
    kind: 'gauge',
    labels: ['gateway', 'family'],
    help: 'Lost probes through the node, 0 to 1.',
  },
  detour_gateway_path_rtt_seconds: {
    kind: 'gauge',
    labels: ['gateway', 'family'],
    help: 'Mean round trip through the node.',
  },
  detour_gateway_messages_discarded_total: {
    kind: 'counter',
    labels: ['reason'],
    help: 'Messages of the gateway protocol discarded, by reason (docs/gateway-protocol.md, section 4.2).',
  },
  detour_gateway_messages_received_total: { kind: 'counter', labels: [], help: 'Messages received.' },
  detour_gateway_messages_accepted_total: {
    kind: 'counter',
    labels: [],
    help: 'Messages received that went through every check.',
  },
  detour_gateway_overruns_total: {
    kind: 'counter',
    labels: [],
    help: 'Messages the kernel dropped: more came than are read (docs/gateway-protocol.md, section 8).',
  },
  detour_gateway_messages_sent_total: { kind: 'counter', labels: [], help: 'Messages sent.' },
  detour_gateway_send_errors_total: { kind: 'counter', labels: [], help: 'Messages that could not be sent.' },
  detour_gateway_elections_total: { kind: 'counter', labels: [], help: 'Nodes that confirmed an election.' },
  detour_gateway_election_failures_total: {
    kind: 'counter',
    labels: [],
    help: 'Elections that were refused or not answered.',
  },

  detour_icmp_sent_total: { kind: 'counter', labels: [], help: 'ICMP probes sent.' },
  detour_icmp_answered_total: { kind: 'counter', labels: [], help: 'ICMP probes answered in time.' },
  detour_icmp_lost_total: { kind: 'counter', labels: [], help: 'ICMP probes lost.' },
  detour_icmp_late_total: { kind: 'counter', labels: [], help: 'Replies after the timeout.' },
  detour_icmp_wrong_path_total: {
    kind: 'counter',
    labels: [],
    help: 'Genuine replies that came in by another interface than their path.',
  },
  detour_icmp_send_failed_total: { kind: 'counter', labels: [], help: 'ICMP probes that could not be sent.' },
  detour_icmp_send_congested_total: {
    kind: 'counter',
    labels: [],
    help: 'ICMP probes not sent because a queue was full.',
  },
  detour_icmp_send_refused_total: { kind: 'counter', labels: [], help: 'ICMP probes that the kernel refused to send.' },
  detour_icmp_unjudged_total: {
    kind: 'counter',
    labels: [],
    help: 'ICMP probes without a verdict: the prober or the machine stalled.',
  },
  detour_icmp_sessions: { kind: 'gauge', labels: [], help: 'ICMP targets being probed.' },
  detour_active_started_total: { kind: 'counter', labels: [], help: 'tcp, http and dns probes started.' },
  detour_active_succeeded_total: { kind: 'counter', labels: [], help: 'tcp, http and dns probes that passed.' },
  detour_active_failed_total: { kind: 'counter', labels: [], help: 'tcp, http and dns probes that failed.' },
  detour_active_unjudged_total: {
    kind: 'counter',
    labels: [],
    help: 'tcp, http and dns probes without a verdict: the process stalled.',
  },
  detour_transmitter_stalls_total: { kind: 'counter', labels: [], help: 'Times the probe transmitter stalled.' },
  detour_transmitter_stalled_seconds_total: {
    kind: 'counter',
    labels: [],
    help: 'Time the probe transmitter stalled.',
  },
  detour_transmitter_realtime: {
    kind: 'gauge',
    labels: [],
    help: '1: the probe transmitter has a real-time priority.',
  },
  detour_blind_windows_total: {
    kind: 'counter',
    labels: [],
    help: 'Times in which nothing was judged because the prober or the machine stalled.',
  },

  detour_link_watch_cleared_total: {
    kind: 'counter',
    labels: [],
    help: 'Liveness bits cleared by the link watch, ahead of the controller.',
  },
  detour_link_watch_messages_total: { kind: 'counter', labels: [], help: 'Link messages read by the link watch.' },
  detour_link_watch_overruns_total: {
    kind: 'counter',
    labels: [],
    help: 'Times the kernel had more link messages than the link watch could hold.',
  },
  detour_link_watch_realtime: { kind: 'gauge', labels: [], help: '1: the link watch has a real-time priority.' },

  process_cpu_seconds_total: { kind: 'counter', labels: [], help: 'CPU time of the controller, user and system.' },
  process_resident_memory_bytes: { kind: 'gauge', labels: [], help: 'Resident memory of the controller.' },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metricCatalogue;

/** Statistics that the parts report, by the names they have there; `scale` makes base units of them. */
export const statisticCatalogue: Readonly<Record<string, { metric: MetricName; scale?: number }>> = {
  icmpSent: { metric: 'detour_icmp_sent_total' },
  icmpAnswered: { metric: 'detour_icmp_answered_total' },
  icmpLost: { metric: 'detour_icmp_lost_total' },
  icmpLateReplies: { metric: 'detour_icmp_late_total' },
  icmpWrongPath: { metric: 'detour_icmp_wrong_path_total' },
  icmpSendFailed: { metric: 'detour_icmp_send_failed_total' },
  icmpSendCongested: { metric: 'detour_icmp_send_congested_total' },
  icmpSendRefused: { metric: 'detour_icmp_send_refused_total' },
  icmpUnjudged: { metric: 'detour_icmp_unjudged_total' },
  icmpSessions: { metric: 'detour_icmp_sessions' },
  activeStarted: { metric: 'detour_active_started_total' },
  activeSucceeded: { metric: 'detour_active_succeeded_total' },
  activeFailed: { metric: 'detour_active_failed_total' },
  activeUnjudged: { metric: 'detour_active_unjudged_total' },
  transmitterStalls: { metric: 'detour_transmitter_stalls_total' },
  transmitterStalledUs: { metric: 'detour_transmitter_stalled_seconds_total', scale: 1e-6 },
  transmitterRealtime: { metric: 'detour_transmitter_realtime' },
  blindWindows: { metric: 'detour_blind_windows_total' },
  linkWatchCleared: { metric: 'detour_link_watch_cleared_total' },
  linkWatchMessages: { metric: 'detour_link_watch_messages_total' },
  linkWatchOverruns: { metric: 'detour_link_watch_overruns_total' },
  linkWatchRealtime: { metric: 'detour_link_watch_realtime' },
  gatewayReceived: { metric: 'detour_gateway_messages_received_total' },
  gatewayAccepted: { metric: 'detour_gateway_messages_accepted_total' },
  gatewayOverruns: { metric: 'detour_gateway_overruns_total' },
  gatewaySent: { metric: 'detour_gateway_messages_sent_total' },
  gatewaySendErrors: { metric: 'detour_gateway_send_errors_total' },
  gatewayElections: { metric: 'detour_gateway_elections_total' },
  gatewayElectionFailures: { metric: 'detour_gateway_election_failures_total' },
};

/**
 * Metric of a statistic that is not in the catalogue: "plane.writes_total" -> detour_plane_writes_total. A name that ends in
 * `total` is a counter, everything else a gauge.
 */
export function statisticMetric(name: string): { name: string; kind: 'gauge' | 'counter' } {
  const snake = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  const metric = `detour_${snake.replace(/^detour_/, '')}`;
  return { name: metric, kind: metric.endsWith('_total') ? 'counter' : 'gauge' };
}
