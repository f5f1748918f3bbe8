/** XDP features of devices by the netdev family. Kernels before 6.3 have none: everything stays unknown. */
import {
  dumpDevicesRequest,
  dumpFamiliesRequest,
  readNetdevFamily,
  readXdpFeatures,
  type NetdevFamily,
  type XdpFeatures,
} from '../codec/netdev.js';
import { NetlinkClient, type OpenNetlink } from '../netlink/client.js';
import { NETLINK_GENERIC } from '../netlink/constants.js';
import type { NetlinkMessage } from '../netlink/message.js';
import { Collection } from './collection.js';
import { Tracker } from './tracker.js';

export class XdpFeatureSource {
  readonly collection = new Collection<XdpFeatures>();
  readonly #client: NetlinkClient;
  readonly #onChange: () => void;
  #family: NetdevFamily | null = null;
  #tracker: Tracker<XdpFeatures> | null = null;

  constructor(open: OpenNetlink, netns: string | undefined, onChange: () => void) {
    this.#onChange = onChange;
    this.#client = new NetlinkClient(open, {
      protocol: NETLINK_GENERIC,
      ...(netns === undefined ? {} : { netns }),
      onNotification: (message) => this.#onNotification(message),
      onLost: () => this.resyncSoon(onChange),
    });
  }

  async start(): Promise<void> {
    const [family] = await this.#client.dumpAll(dumpFamiliesRequest(), ({ payload }) => readNetdevFamily(payload));
    if (!family) return;
    this.#family = family;
    if (family.managementGroup !== null) this.#client.joinGroup(family.managementGroup);
    this.#tracker = new Tracker({
      client: this.#client,
      request: dumpDevicesRequest(family),
      collection: this.collection,
      gather: ({ payload }, collection) => {
        const features = readXdpFeatures(payload);
        if (features) collection.addDumped(String(features.ifindex), features);
      },
    });
    await this.#tracker.resync();
  }

  resync(): Promise<boolean> {
    return this.#tracker?.resync() ?? Promise.resolve(false);
  }

  resyncSoon(onChange: () => void): void {
    this.#tracker?.resyncSoon(onChange);
  }

  close(): void {
    this.#tracker?.close();
    this.#client.close();
  }

  #onNotification({ type, payload }: NetlinkMessage): void {
    if (type !== this.#family?.id) return;
    const features = readXdpFeatures(payload);
    if (!features) return;
    const key = String(features.ifindex);
    const changed = features.redirectTarget === null ? this.collection.delete(key) : this.collection.set(key, features);
    if (changed) this.#onChange();
  }
}
