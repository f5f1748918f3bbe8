/** ControllerService over a running Controller: what the API reads and what operators ask for. */
import type { GroupConfig } from '../config/types.js';
import { DetourError } from '../errors.js';
import type { IpAddress } from '../net/ip-address.js';
import { ailments } from './ailments.js';
import type { Controller } from './controller.js';
import { gatewayNotes } from './gateway-notes.js';
import { NO_GATEWAYS } from './gateway-status.js';
import type { GatewaysStatus } from './gateway-status.js';
import { bypassNotes } from './bypasses.js';
import { netfilterNotes } from './stack-reasons.js';
import { forwardingOff } from './forwarding-off.js';
import { lookup } from './lookup.js';
import { families } from './policy.js';
import type { GatewayChannel } from './ports.js';
import { strictSources } from './strict-sources.js';
import type {
  ControllerService,
  EventEntry,
  HealthSummary,
  InterfaceStatus,
  LookupAnswer,
  RouteStatus,
  UplinkStatus,
} from './service.js';
import { forwardingOf, healthStatus, interfaceStatuses, routeStatuses, uplinkStatuses } from './status.js';
import type { StatusInputs } from './status.js';

const US_PER_MS = 1000;

export class LiveService implements ControllerService {
  readonly #controller: Controller;

  constructor(controller: Controller) {
    this.#controller = controller;
  }

  #inputs(): StatusInputs {
    const c = this.#controller;
    return {
      config: c.config,
      view: c.view(),
      facts: c.facts,
      paths: c.paths(),
      groups: c.groups(),
      ports: c.ports,
      uplinkIndex: c.uplinkIndex,
      routeProblems: c.routeProblems(),
      programmed: c.ready && c.problems.length === 0,
    };
  }

  ready(): boolean {
    return this.#controller.ready;
  }

  health(): HealthSummary {
    const c = this.#controller;
    const inputs = this.#inputs();
    const inUse = families.filter((f) => c.facts.some(({ paths }) => paths.some((p) => p.ready && p.family === f)));
    const problems = [
      ...c.problems,
      ...(c.planes.gatewaysFault === undefined ? [] : [c.planes.gatewaysFault]),
      ...[...inputs.routeProblems].map(([prefix, text]) => `route ${prefix}: ${text}`),
      ...(c.config.mode === 'active' ? forwardingOff(c.config, inputs.view.links.values(), inUse) : []),
    ];
    const allDown = c.allDown();
    const notes = c.config.mode === 'active' ? this.#notes(inputs) : [];
    return {
      run: c.events.run,
      status: healthStatus({ groups: inputs.groups, paths: inputs.paths, allDown, problems }),
      mode: c.config.mode,
      problems: [...problems, ...ailments(inputs), ...notes],
      families: allDown,
      uptimeMs: Math.round((c.planes.clock.nowUs() - c.startedUs) / US_PER_MS),
    };
  }

  /** What works, but not as fast as it could. */
  #notes(inputs: StatusInputs): string[] {
    const { config, view } = inputs;
    const netfilter = netfilterNotes(config, view);
    const byStack = config.uplinks.flatMap((uplink) => {
      const { by, reason } = forwardingOf(inputs, uplink);
      // Of gateway nodes it is as it must be, of the others it is told once for all of them.
      if (uplink.gatewayNode) return [];
      if (uplink.forwarding === 'auto' && netfilter.length > 0) return [];
      return by === 'stack' && reason !== null ? [`uplink ${uplink.name} is not forwarded by XDP: ${reason}`] : [];
    });
    const { gatewayChannel } = this.#controller;
    return [
      ...(gatewayChannel ? gatewayNotes(inputs, gatewayChannel.status()) : []),
      ...netfilter,
      ...byStack,
      ...bypassNotes(view, config.kernel),
      ...strictSources(config, view.links.values()),
    ];
  }

  uplinks(): UplinkStatus[] {
    return uplinkStatuses(this.#inputs(), this.#controller.planes.plane.readNextHopCounters());
  }

  groups(): ReturnType<ControllerService['groups']> {
    return this.#controller.groups();
  }

  routes(): RouteStatus[] {
    return routeStatuses(this.#inputs());
  }

  interfaces(): InterfaceStatus[] {
    return interfaceStatuses(this.#inputs(), this.#controller.planes.plane.readReasonCounters());
  }

  lookup(to: IpAddress, from: IpAddress | null): LookupAnswer {
    return lookup(this.#inputs(), to, from);
  }

  events(after: number, limit: number): ReturnType<ControllerService['events']> {
    return this.#controller.events.read(after, limit);
  }

  onEvent(listener: (entry: EventEntry) => void): () => void {
    return this.#controller.events.onAppend(listener);
  }

  drain(uplink: string, by: string): void {
    this.#knownUplink(uplink);
    this.#controller.dispatch({ type: 'drain', uplink, by });
  }

  undrain(uplink: string, by: string): void {
    this.#knownUplink(uplink);
    this.#controller.dispatch({ type: 'undrain', uplink, by });
  }

  force(group: string, uplink: string, by: string): void {
    const config = this.#knownGroup(group);
    this.#knownUplink(uplink);
    const members = config.tiers.flat().map((member) => member.uplink);
    if (!members.includes(uplink))
      throw new DetourError('NOT_A_MEMBER', { uplink, group, members: members.join(', ') });
    this.#controller.dispatch({ type: 'force', group, uplink, by });
  }

  auto(group: string, by: string): void {
    this.#knownGroup(group);
    this.#controller.dispatch({ type: 'auto', group, by });
  }

  gateways(): GatewaysStatus {
    return this.#controller.gatewayChannel?.status() ?? NO_GATEWAYS;
  }

  approveGateway(name: string, by: string): void {
    this.#channel().approve(name, by);
  }

  electGateway(name: string, by: string): void {
    this.#channel().elect(name, by);
  }

  releaseGateway(name: string, by: string): void {
    this.#channel().release(name, by);
  }

  autoGateway(name: string, by: string): void {
    this.#channel().auto(name, by);
  }

  revokeGateway(name: string, by: string): void {
    this.#channel().revoke(name, by);
  }

  reloadPairings(): void {
    this.#channel().reloadPairings();
  }

  #channel(): GatewayChannel {
    const channel = this.#controller.gatewayChannel;
    if (!channel) throw new DetourError('GATEWAYS_OFF');
    return channel;
  }

  statistics(): Record<string, number> {
    const { plane, telemetry } = this.#controller.planes;
    return { ...plane.statistics(), ...telemetry.statistics(), ...this.#controller.gatewayChannel?.statistics() };
  }

  #knownUplink(uplink: string): void {
    const names = this.#controller.config.uplinks.map((entry) => entry.name);
    if (!names.includes(uplink)) throw new DetourError('UPLINK_UNKNOWN', { uplink, known: names.join(', ') });
  }

  #knownGroup(group: string): GroupConfig {
    const { groups } = this.#controller.config;
    const found = groups.find((entry) => entry.name === group);
    if (!found) throw new DetourError('GROUP_UNKNOWN', { group, known: groups.map((entry) => entry.name).join(', ') });
    return found;
  }
}
