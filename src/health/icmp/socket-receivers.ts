/**
 * Raw ICMP sockets for the paths whose replies never pass XDP (devices served by the stack): one for each interface and
 * family, shared by its sessions and closed with the last of them.
 */
import type { IcmpReceiver, IcmpReceiverOptions, IcmpReply } from '../../native.js';
import type { ProbePath } from '../../controller/ports.js';
import type { Family } from '../../net/ip-address.js';

export interface ReceiverFactory {
  createIcmpReceiver(options: IcmpReceiverOptions): IcmpReceiver;
}

/** A reply and the interface of the socket that it came by. */
export interface SocketReply extends IcmpReply {
  ifindex: number;
}

/** A receiver reads up to this many replies in one turn of the event loop (native/icmp_receiver.cc). */
const REPLIES_PER_TURN = 64;

export class SocketReceivers {
  readonly #byKey = new Map<string, { receiver: IcmpReceiver; users: number }>();
  #replies: SocketReply[] = [];
  #thisTurn = 0;

  /** @param onReply called after a reply was put aside for take() */
  constructor(
    private readonly factory: ReceiverFactory,
    private readonly common: Pick<IcmpReceiverOptions, 'cookieKey' | 'netns'>,
    private readonly onReply: (session: number) => void,
  ) {}

  /** Replies since the last call. */
  take(): SocketReply[] {
    const replies = this.#replies;
    this.#replies = [];
    return replies;
  }

  beginTurn(): void {
    this.#thisTurn = 0;
  }

  /** There may be more to read. */
  get turnWasFull(): boolean {
    return this.#thisTurn >= REPLIES_PER_TURN;
  }

  get count(): number {
    return this.#byKey.size;
  }

  /**
   * @returns a function that gives it up again
   * @throws NativeError if the socket cannot be made
   */
  acquire(path: ProbePath, family: Family): () => void {
    const { ifindex, ifname } = path;
    const key = `${ifindex} ${family}`;
    let entry = this.#byKey.get(key);
    if (entry === undefined) {
      const onReply = (reply: IcmpReply): void => {
        this.#thisTurn++;
        this.#replies.push({ ...reply, ifindex });
        this.onReply(reply.session);
      };
      entry = {
        receiver: this.factory.createIcmpReceiver({ ...this.common, ifindex, ifname, family, onReply }),
        users: 0,
      };
      this.#byKey.set(key, entry);
    }
    const held = entry;
    held.users++;
    return () => {
      if (--held.users > 0) return;
      this.#byKey.delete(key);
      held.receiver.close();
    };
  }
}
