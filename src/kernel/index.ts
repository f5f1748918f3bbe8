/** The kernel side: implements KernelFib of controller/ports.ts over netlink. */
import type { KernelConfig } from '../config/types.js';
import type { FibGroupIntent, FibIntent, FibReport, KernelChange, KernelFib, KernelView } from '../controller/ports.js';
import { DetourError } from '../errors.js';
import { native } from '../native.js';
import { FibReconciler } from './fib/reconciler.js';
import { NeighbourKeeper, type WantedNeighbour } from './neighbours.js';
import { NetlinkClient, type OpenNetlink } from './netlink/client.js';
import { NETLINK_ROUTE } from './netlink/constants.js';
import { KernelState } from './view/view.js';

export interface KernelFibOptions {
  /** Network namespace file, e.g. /run/netns/x; absent: the current one. */
  netns?: string;
}

/**
 * Subscribes, and resolves after the first full dump.
 * @throws NativeError or NetlinkError if the kernel does not let us look
 */
export async function createKernelFib(config: KernelConfig, options: KernelFibOptions = {}): Promise<KernelFib> {
  const open: OpenNetlink = (socket) => native.openNetlink(socket);
  const netns = options.netns === undefined ? {} : { netns: options.netns };
  const writer = new NetlinkClient(open, { protocol: NETLINK_ROUTE, ...netns });
  const reader = new NetlinkClient(open, { protocol: NETLINK_ROUTE, ...netns });
  try {
    const state = await KernelState.open({
      open,
      table: config.table,
      isOwnPort: (portId) => portId === writer.portId,
      ...netns,
    });
    return new NetlinkFib(config, state, writer, reader);
  } catch (error) {
    writer.close();
    reader.close();
    throw error;
  }
}

class NetlinkFib implements KernelFib {
  readonly #state: KernelState;
  readonly #writer: NetlinkClient;
  readonly #reader: NetlinkClient;
  readonly #reconciler: FibReconciler;
  readonly #neighbours: NeighbourKeeper;
  readonly #callbacks: ((changes: ReadonlySet<KernelChange>, view: KernelView) => void)[] = [];
  #closing: Promise<void> | null = null;

  constructor(config: KernelConfig, state: KernelState, writer: NetlinkClient, reader: NetlinkClient) {
    this.#state = state;
    this.#writer = writer;
    this.#reader = reader;
    this.#neighbours = new NeighbourKeeper(writer, state);
    this.#reconciler = new FibReconciler({
      config,
      writer,
      reader,
      foreignHolder: (route) => state.foreignRoute(route)?.protocol,
    });
    state.onChange((changes, view) => {
      for (const callback of this.#callbacks) callback(changes, view);
      // After the callbacks: a failover does not wait for a neighbour.
      if (!this.#closing) this.#neighbours.reconcile();
    });
  }

  onChange(callback: (changes: ReadonlySet<KernelChange>, view: KernelView) => void): void {
    this.#callbacks.push(callback);
  }

  view(): KernelView {
    return this.#state.view();
  }

  keepNeighbours(wanted: readonly WantedNeighbour[]): void {
    this.#neighbours.want(wanted);
  }

  applyFib(intent: FibIntent): Promise<FibReport> {
    return this.#reconciler.apply(intent);
  }

  switchGroup(group: FibGroupIntent): Promise<FibReport> {
    return this.#reconciler.switchGroup(group);
  }

  close(options: { keep: boolean }): Promise<void> {
    return (this.#closing ??= this.#close(options));
  }

  /** @throws DetourError NETLINK_REFUSED if something of ours could not be withdrawn; everything is closed anyway */
  async #close({ keep }: { keep: boolean }): Promise<void> {
    try {
      if (keep) return;
      const { problems } = await this.#reconciler.withdraw();
      await this.#neighbours.releaseAll();
      if (problems.length > 0)
        throw new DetourError('NETLINK_REFUSED', { what: 'the withdrawal', detail: problems.join('; ') });
    } finally {
      this.#state.close();
      this.#writer.close();
      this.#reader.close();
    }
  }
}
