/**
 * The XDP data plane as the controller sees it: ForwardingPlane over BPF maps.
 *
 * The order inside `apply` keeps every moment correct: what is referred to is written before what refers to it, and
 * removed after it; forwarding is switched off first and on last.
 */
import { fileURLToPath } from 'node:url';
import type {
  ApplyReport,
  ForwardingIntent,
  ForwardingPlane,
  NextHopId,
  PortStatus,
  TrafficCounter,
} from '../controller/ports.js';
import type { BpfObject } from '../libbpf/index.js';
import { native as defaultAddon, type MappedArray, type NativeAddon } from '../native.js';
import { NextHopCounters, ReasonCounters } from './counters.js';
import { GatewayTable } from './gateway-table.js';
import { GroupTable } from './group-table.js';
import { InterfaceTable } from './interface-table.js';
import { KernelMap, MAPPED_STRIDE_BYTES, MappedU32Array, WriteCounter } from './kernel-map.js';
import { LinkWatch } from './link-watch.js';
import { LivenessBitmap } from './liveness.js';
import { loadDataPlane, type Loaded } from './loader.js';
import { NextHopTable } from './next-hop-table.js';
import { PinDirectory } from './pins.js';
import { PortTable } from './port-table.js';
import { ProbeReplies } from './probe-replies.js';
import { RedirectCapability } from './redirect-capability.js';
import { RouteTable } from './route-table.js';
import { Settings } from './settings.js';
import { XdpPorts, type XdpMode } from './xdp-ports.js';

/** From src/dataplane and from dist/dataplane alike. */
export const DEFAULT_OBJECT_FILE = fileURLToPath(new URL('../../build/bpf/detour.bpf.o', import.meta.url));

export interface DataPlaneOptions {
  /** Directory for pins, below a mounted bpffs; made if missing. */
  pinPath: string;
  xdpMode: XdpMode;
  /** Routes per family. */
  maxRoutes: number;
  objectFile?: string;
  native?: NativeAddon;
  /** Monotonic milliseconds, for the grace period. */
  nowMs?: () => number;
}

export class DataPlane implements ForwardingPlane {
  /** For the log: why pinned state was replaced, or what is not available. */
  readonly notes: readonly string[];
  /** Pinned maps of an earlier run are in use: liveness, counters and routes are as it left them. */
  readonly takenOver: boolean;
  readonly replies: ProbeReplies;
  readonly #object: BpfObject;
  readonly #pins: PinDirectory;
  readonly #mapped: MappedArray[] = [];
  readonly #writes = new WriteCounter();
  readonly #native: NativeAddon;
  readonly #programFd: number;
  readonly #ports: PortTable;
  readonly #redirects: RedirectCapability;
  readonly #xdp: XdpPorts;
  readonly #interfaces: InterfaceTable;
  readonly #nextHops: NextHopTable;
  readonly #groups: GroupTable;
  readonly #gateways: GatewayTable;
  readonly #routes: RouteTable[];
  readonly #liveness: LivenessBitmap;
  readonly #links: LinkWatch;
  readonly #settings: Settings;
  readonly #nextHopCounters: NextHopCounters;
  readonly #reasonCounters: ReasonCounters;
  #knownInterfaces: readonly number[] = [];
  /** Maps hold what an earlier run wrote, and this one has not published anything yet. */
  #isInherited: boolean;
  #closed = false;

  /**
   * Loads the program, or takes over what an earlier run pinned. Nothing is attached before the first `apply`.
   * @throws DetourError KERNEL_FEATURE_MISSING (no bpffs), BPF_LOAD_FAILED
   */
  static open(options: DataPlaneOptions): DataPlane {
    const pins = new PinDirectory(options.pinPath);
    pins.create();
    const objectFile = options.objectFile ?? DEFAULT_OBJECT_FILE;
    const loaded = loadDataPlane({ objectFile, maxRoutes: options.maxRoutes }, pins);
    try {
      return new DataPlane(loaded, pins, options);
    } catch (error) {
      loaded.object.close();
      throw error;
    }
  }

  private constructor(loaded: Loaded, pins: PinDirectory, options: DataPlaneOptions) {
    const native = (this.#native = options.native ?? defaultAddon);
    const nowMs = options.nowMs ?? (() => performance.now());
    this.#object = loaded.object;
    this.#programFd = loaded.program.fd;
    this.#pins = pins;
    this.notes = loaded.notes;
    this.takenOver = this.#isInherited = loaded.takenOver;
    try {
      const slots = this.#mapU32('next_hop_slots');
      this.#liveness = new LivenessBitmap(this.#mapMemory('liveness'), slots.length, nowMs);
      this.#settings = new Settings(this.#mapMemory('settings'), this.#writes);
      this.#nextHopCounters = new NextHopCounters(this.#map('next_hop_counters'), native);
      this.#reasonCounters = new ReasonCounters(this.#map('reason_counters'), native);
      this.#ports = new PortTable(this.#map('tx_ports'), nowMs);
      this.#redirects = new RedirectCapability(native);
      this.#xdp = new XdpPorts(loaded.program, pins, options.xdpMode, this.#writes);
      this.#interfaces = new InterfaceTable(this.#map('interfaces'), this.#map('egress'), nowMs, (slot) =>
        this.#reasonCounters.reset(slot),
      );
      this.#nextHops = new NextHopTable(this.#map('next_hops'), slots, nowMs, {
        appeared: (id) => this.#nextHopCounters.reset(id),
        gone: (id) => this.#liveness.set(id, false),
      });
      this.#groups = new GroupTable(this.#map('groups'), this.#mapU32('buckets'), nowMs);
      this.#gateways = new GatewayTable(this.#map('gateway_peers'));
      this.#routes = [new RouteTable(4, this.#map('routes4'), nowMs), new RouteTable(6, this.#map('routes6'), nowMs)];
      this.replies = new ProbeReplies(
        this.#map('probe_sessions'),
        this.#map('events'),
        this.#settings.cookieKey,
        native,
      );
      // Last: nothing after it can fail and leave its thread behind.
      this.#links = new LinkWatch(native, this.#map('liveness').fd, loaded.notes);
    } catch (error) {
      for (const memory of this.#mapped) memory.close();
      throw error;
    }
  }

  async apply(wanted: ForwardingIntent): Promise<ApplyReport> {
    const before = this.#writes.count;
    const intent = { ...wanted, ports: await this.#redirects.complete(wanted.ports) };
    if (!intent.forward || this.#meansOtherwise(intent)) this.#settings.setForward(false);
    const problems = this.#publishReferences(intent);
    for (const table of this.#routes) problems.push(...(await table.publish(intent.routes)));
    const ports = this.#attach(intent, problems);
    this.#retire(intent);
    this.#isInherited = false;
    if (intent.forward) this.#settings.setForward(true);
    return { writes: this.#writes.count - before, ports, problems };
  }

  setLiveness(changes: readonly { nextHop: NextHopId; alive: boolean }[]): void {
    for (const { nextHop, alive } of changes) this.#liveness.set(nextHop, alive);
  }

  readLiveness(nextHop: NextHopId): boolean {
    return this.#liveness.get(nextHop);
  }

  readNextHopCounters(): Map<NextHopId, TrafficCounter> {
    return this.#nextHopCounters.read(this.#nextHops.publishedIds());
  }

  readReasonCounters(): Map<number, Record<string, bigint>> {
    const slots = new Map([[0, 0]]);
    for (const ifindex of this.#knownInterfaces) {
      const slot = this.#interfaces.slotOf(ifindex);
      if (slot !== null) slots.set(ifindex, slot);
    }
    return this.#reasonCounters.read(slots);
  }

  statistics(): Record<string, number> {
    return this.#links.statistics();
  }

  /** @param options.keep leave programs attached and maps pinned: forwarding goes on without us */
  async close({ keep }: { keep: boolean }): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#links.close();
    this.replies.close();
    this.#xdp.close();
    if (!keep) this.#pins.removeAll();
    for (const memory of this.#mapped) memory.close();
    this.#object.close();
  }

  /** fd of the loaded program, for test runs. */
  get programFd(): number {
    return this.#programFd;
  }

  /**
   * What was taken over uses the same ids for other things (the configuration has changed in between): written one
   * table after the other, old routes would lead to new next hops for a moment. The stack forwards meanwhile.
   */
  #meansOtherwise({ nextHops, groups }: ForwardingIntent): boolean {
    return this.#isInherited && (this.#nextHops.meansOtherwise(nextHops) || this.#groups.meansOtherwise(groups));
  }

  #publishReferences(intent: ForwardingIntent): string[] {
    const { ports, interfaces, nextHops, groups } = intent;
    this.#knownInterfaces = interfaces.map(({ ifindex }) => ifindex);
    return [
      ...this.#ports.publish(ports),
      ...this.#interfaces.publish(intent, this.#ports),
      ...this.#gateways.publish(intent),
      ...this.#nextHops.publish(nextHops, { interfaces, ports, portTable: this.#ports }),
      ...this.#links.publish(
        nextHops.filter(({ id }) => this.#nextHops.isPublished(id)),
        interfaces,
      ),
      ...this.#groups.publish(groups),
    ];
  }

  #attach({ ports }: ForwardingIntent, problems: string[]): PortStatus[] {
    const { statuses, problems: refused } = this.#xdp.publish(ports);
    problems.push(...refused);
    return statuses.map((status) => this.#redirects.explain(status));
  }

  #retire({ ports, interfaces, nextHops, groups }: ForwardingIntent): void {
    this.#groups.retire(groups);
    this.#gateways.retire();
    this.#nextHops.retire(nextHops);
    this.#xdp.retire(ports);
    this.#interfaces.retire(interfaces);
    this.#ports.retire(ports);
  }

  #map(name: string): KernelMap {
    return new KernelMap(this.#object.map(name), this.#native, this.#writes);
  }

  #mapMemory(name: string): MappedArray {
    const map = this.#object.map(name);
    const stride = Math.ceil(map.valueSize / MAPPED_STRIDE_BYTES) * MAPPED_STRIDE_BYTES;
    const memory = this.#native.mapArray(map.fd, map.maxEntries * stride, true);
    this.#mapped.push(memory);
    return memory;
  }

  #mapU32(name: string): MappedU32Array {
    return new MappedU32Array(this.#mapMemory(name), this.#object.map(name).maxEntries, this.#writes);
  }
}
