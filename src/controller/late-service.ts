/** Stands in for the service while the controller is being built, so that the API's socket can be claimed first. */
import { DetourError } from '../errors.js';
import type { ControllerService } from './service.js';

export class LateService implements ControllerService {
  #service: ControllerService | null = null;

  attach(service: ControllerService): void {
    this.#service = service;
  }

  ready(): boolean {
    return this.#service?.ready() ?? false;
  }

  readonly health: ControllerService['health'] = () => this.#there().health();
  readonly uplinks: ControllerService['uplinks'] = () => this.#there().uplinks();
  readonly groups: ControllerService['groups'] = () => this.#there().groups();
  readonly routes: ControllerService['routes'] = () => this.#there().routes();
  readonly interfaces: ControllerService['interfaces'] = () => this.#there().interfaces();
  readonly lookup: ControllerService['lookup'] = (to, from) => this.#there().lookup(to, from);
  readonly events: ControllerService['events'] = (after, limit) => this.#there().events(after, limit);
  readonly onEvent: ControllerService['onEvent'] = (listener) => this.#there().onEvent(listener);
  readonly drain: ControllerService['drain'] = (uplink, by) => this.#there().drain(uplink, by);
  readonly undrain: ControllerService['undrain'] = (uplink, by) => this.#there().undrain(uplink, by);
  readonly force: ControllerService['force'] = (group, uplink, by) => this.#there().force(group, uplink, by);
  readonly auto: ControllerService['auto'] = (group, by) => this.#there().auto(group, by);
  readonly gateways: ControllerService['gateways'] = () => this.#there().gateways();
  readonly approveGateway: ControllerService['approveGateway'] = (name, by) => this.#there().approveGateway(name, by);
  readonly electGateway: ControllerService['electGateway'] = (name, by) => this.#there().electGateway(name, by);
  readonly releaseGateway: ControllerService['releaseGateway'] = (name, by) => this.#there().releaseGateway(name, by);
  readonly autoGateway: ControllerService['autoGateway'] = (name, by) => this.#there().autoGateway(name, by);
  readonly revokeGateway: ControllerService['revokeGateway'] = (name, by) => this.#there().revokeGateway(name, by);
  readonly reloadPairings: ControllerService['reloadPairings'] = () => this.#there().reloadPairings();
  readonly statistics: ControllerService['statistics'] = () => this.#there().statistics();

  #there(): ControllerService {
    if (!this.#service) throw new DetourError('NOT_READY');
    return this.#service;
  }
}
