/**
 * The one typed view of the addon in native/. TypeScript validates, C++ executes; there is no policy below this line.
 *
 * All times are CLOCK_MONOTONIC in nanoseconds as bigint where exactness matters and `...Us` numbers elsewhere.
 * Errors thrown by the addon are `NativeError`s: `code` is the errno's name ("EPERM"), `syscall` what was called.
 * Every object holds file descriptors or threads until `close()`; closing twice is allowed, and process exit closes all.
 */
import { createRequire } from 'node:module';

export interface NativeError extends Error {
  code: string;
  syscall: string;
}

/** A BPF ring buffer (BPF_MAP_TYPE_RINGBUF), woken by epoll through libuv: no polling timer. */
export interface RingBuffer {
  /**
   * Copies the records that are ready into `into`, each as u32 length, u32 zero, data, padded to 8 bytes.
   * @returns bytes written; call again while it is greater than 0. 0: nothing is left.
   * `onReadable` comes again and again until everything is drained. A record that does not fit into an empty `into`
   * is a TypeError that says how many bytes it needs.
   */
  drain(into: Uint8Array): number;
  close(): void;
}

/** A BPF_F_MMAPABLE array map in this process's memory. Indices and sizes are in elements. */
export interface MappedArray {
  /**
   * The memory itself; detached by close(). Where the map is not mapped writable: a copy of this moment, because
   * JavaScript knows no read-only memory. Throws where the engine refuses external ArrayBuffers (V8 sandbox).
   */
  readonly bytes: Uint8Array;
  load32(byteOffset: number): number;
  load64(byteOffset: number): bigint;
  /** Atomic stores (release). */
  store32(byteOffset: number, value: number): void;
  store64(byteOffset: number, value: bigint): void;
  /** Atomic read-modify-write of one 64-bit word; returns the word before. BPF programs may change it concurrently. */
  or64(byteOffset: number, bits: bigint): bigint;
  and64(byteOffset: number, bits: bigint): bigint;
  close(): void;
}

/**
 * An AF_NETLINK socket (libmnl). Messages are parsed in TypeScript; this only moves bytes. Extended acknowledgements
 * are on, and capped (NLM_F_CAPPED: an error carries the request's header, not its body, then the TLVs).
 * Keeps the process alive until close().
 */
export interface NetlinkSocket {
  readonly portId: number;
  /** Sends one buffer that holds one or more complete netlink messages. Throws NativeError. */
  send(messages: Uint8Array): void;
  joinGroup(group: number): void;
  close(): void;
}

export interface NetlinkSocketOptions {
  /** NETLINK_ROUTE = 0, NETLINK_NETFILTER = 12, NETLINK_GENERIC = 16. */
  protocol: number;
  groups?: readonly number[];
  /** Default 8 MiB; limited by net.core.rmem_max without CAP_NET_ADMIN. */
  receiveBufferBytes?: number;
  /** NETLINK_GET_STRICT_CHK: the kernel checks dump requests strictly and filters dumps by what they ask for. */
  strictDump?: boolean;
  /** Network namespace file, e.g. /run/netns/x; absent: the current one. Stays that socket's namespace. */
  netns?: string;
  /** One datagram (one or more messages). The buffer is only valid during the call. */
  onMessages: (datagram: Buffer) => void;
  /** Errno name; "ENOBUFS" (overrun) and "EMSGSIZE" (a message too long to take): messages were lost, resynchronise. */
  onError: (code: string) => void;
}

/**
 * One ICMP echo stream. `frame` is a complete frame for an AF_PACKET socket on `ifindex`, starting with the Ethernet
 * header (or with the IP header where `rawIp`), with the ICMP header and struct probe_payload of bpf/abi.h at its end;
 * the thread fills identifier, sequence, the whole payload and the ICMP checksum for every packet. Checked by setStream:
 * a frame that is no echo request of that family in that place is a TypeError.
 */
export interface ProbeStream {
  session: number;
  epoch: number;
  ifindex: number;
  rawIp: boolean;
  family: 4 | 6;
  frame: Uint8Array;
  /** Byte offset of the ICMP header in `frame`. */
  icmpOffset: number;
  /** 1,000 to 3,600,000,000. */
  intervalUs: number;
  /** Each gap is intervalUs minus a random 0..jitterPercent % of it (RFC 5880, 6.8.7 uses 25). */
  jitterPercent: number;
}

/** What the transmitter did, in order of sending; drained by `readTransmitLog`. */
export interface TransmitRecord {
  session: number;
  epoch: number;
  sequence: number;
  /** When it was sent, CLOCK_MONOTONIC. */
  transmitNs: bigint;
  /** How late that was against the plan: the thread was blind for this long. */
  lateUs: number;
  /** 0, or the errno of the failed send (a failed send is not a lost probe of a silent path). */
  errno: number;
}

/**
 * The transmitter thread: absolute-time sleeps, SCHED_FIFO where allowed. Sequence numbers of a stream start at 1.
 * Probes that a stall of the thread swallowed are not made up for; `lateUs` of the next one tells of the stall.
 */
export interface Prober {
  /** True when the thread runs under SCHED_FIFO. */
  readonly realtime: boolean;
  /**
   * Adds or replaces. The first probe goes out at once; replaced with the same epoch, a stream goes on with its
   * sequence numbers and its rhythm, with another epoch it starts anew.
   */
  setStream(stream: ProbeStream): void;
  /** An unknown session is ignored. */
  removeStream(session: number): void;
  /**
   * Sends `count` (1 to 1,000) additional probes `spacingUs` apart, from now; replaces what is left of an earlier burst.
   * NativeError ENOENT: no such stream.
   */
  burst(session: number, count: number, spacingUs: number): void;
  /** Takes up to `max` records; an overrun drops the oldest and is counted in `transmitLogOverruns`. */
  readTransmitLog(max: number): TransmitRecord[];
  readonly transmitLogOverruns: number;
  /** CLOCK_MONOTONIC of the thread's last wake-up, which comes every 20 ms at least: an older one means a stall. */
  readonly heartbeatNs: bigint;
  close(): void;
}

export interface ProberOptions {
  /** 16 bytes, the same as settings.cookie_key. */
  cookieKey: Uint8Array;
  /** Ask for SCHED_FIFO at this priority; 0: do not ask. */
  realtimePriority: number;
  /** Network namespace file; absent: the current one. */
  netns?: string;
}

/**
 * Receives echo replies where XDP does not (devices served by the stack): a raw ICMP socket bound to one device.
 * Checks magic and cookie as probe.h does.
 */
export interface IcmpReceiver {
  close(): void;
}

export interface IcmpReply {
  session: number;
  epoch: number;
  sequence: number;
  transmitNs: bigint;
  receiveNs: bigint;
  source: Uint8Array;
}

export interface IcmpReceiverOptions {
  ifindex: number;
  ifname: string;
  family: 4 | 6;
  cookieKey: Uint8Array;
  /** Network namespace file; absent: the current one. */
  netns?: string;
  onReply: (reply: IcmpReply) => void;
  /** Errno name of an error pending on the socket, e.g. "ENETDOWN"; the receiver stays open. */
  onError?: (code: string) => void;
}

export interface PathSocketOptions {
  kind: 'tcp' | 'udp';
  family: 4 | 6;
  /** SO_BINDTODEVICE. */
  ifname: string;
  /** SO_MARK; 0: none. */
  mark: number;
  /** Raw address bytes (4 or 16). */
  source: Uint8Array;
  destination: Uint8Array;
  port: number;
  /** Scope of a link-local IPv6 destination or source; 0 otherwise. */
  scopeId: number;
  timeoutMs: number;
  /** Network namespace file; absent: the current one. */
  netns?: string;
}

export interface PathSocket {
  /**
   * A connected, non-blocking descriptor; the caller owns it (net.Socket({ fd }) or dgram's bind({ fd }) take it over).
   * UDP is sent with fs.write(fd): dgram would give an address, and libuv refuses that on a connected socket.
   */
  fd: number;
  /** Time the TCP handshake took, as the kernel measured it (without the event loop's delay); 0 for UDP. */
  connectUs: number;
}

export interface TrafficSourceOptions {
  /** Network namespace file the thread enters, e.g. /run/netns/x; empty: the current one. */
  netns: string;
  family: 4 | 6;
  source: string;
  destination: string;
  port: number;
  packetsPerSecond: number;
  /** UDP payload, 16 at least. */
  payloadBytes: number;
  maxPackets: number;
  /** Ask for SCHED_FIFO at this priority; absent or 0: do not ask. Only for rates that leave the CPU idle in between. */
  realtimePriority?: number;
}

/**
 * Paced UDP sender. Payload: u32 magic, u32 sequence, u64 transmitNs, zero padding. Sequence number n belongs to the
 * instant start + n / packetsPerSecond: what was due while the thread did not run is left out (transmitNs 0, counted in
 * `skipped`) and never made up for, so that a pause of the source is no outage of the path.
 */
export interface TrafficSource {
  /** Packets sent until now. */
  readonly sent: number;
  readonly sendErrors: number;
  /**
   * Stops the thread; transmit times by sequence number (ns, CLOCK_MONOTONIC; 0 = skipped or send failed), `maxPackets`
   * of them. `maxGapUs`: the longest time between two sends, the source's own pacing error. May be called again.
   */
  stop(): { transmitNs: BigInt64Array; maxGapUs: number; skipped: number };
}

export interface TrafficSinkOptions {
  netns: string;
  family: 4 | 6;
  address: string;
  port: number;
  maxPackets: number;
}

/**
 * Counterpart of TrafficSource; notes for each sequence number when (the kernel's receive stamp) and by which interface it
 * came first. `overruns`: packets that the socket dropped because the thread was too slow: not the path's loss.
 */
export interface TrafficSink {
  readonly received: number;
  stop(): { receiveNs: BigInt64Array; ifindex: Int32Array; duplicates: number; overruns: number };
  /** Packets received since the last call, by ingress ifindex (for live display). */
  takeCounts(): { ifindex: number; packets: number }[];
}

export interface FrameRelayOptions {
  /** Interfaces between which frames are relayed, as a switch does; 2 to 64. */
  ifindexes: readonly number[];
  /** Only UDP to one of these: without IPv4 fragments, IPv6 extension headers and VLAN tags. */
  ports: readonly [number, number];
  /** Network namespace file; absent: the current one. */
  netns?: string;
  /** Probabilities, 0 to 1, drawn for each frame and each interface it goes to. */
  loss: number;
  duplication: number;
  /** Of being held back by a random time up to `reorderDelayUs`: what comes later overtakes. */
  reordering: number;
  /** Of every frame. */
  delayUs: number;
  reorderDelayUs: number;
  /** u32: the same seed has the same fates for the same frames in the same order. */
  seed: number;
}

/**
 * Takes copies of frames from interfaces and sends them to others, some not at all, some twice, some late; a thread of its
 * own. The kernel's own forwarding of them is the caller's to stop.
 */
export interface FrameRelay {
  /** Frames so far. A duplicate is counted in `sent`, too. Stays readable after close(). */
  statistics(): {
    received: number;
    sent: number;
    lost: number;
    duplicated: number;
    reordered: number;
    sendErrors: number;
  };
  close(): void;
}

export interface LiveFrameOptions {
  /** fd of an XDP program. */
  programFd: number;
  frame: Uint8Array;
  ifindex: number;
  /** Frames in all; runs in a thread, the promise resolves when done. */
  repeat: number;
  batchSize: number;
  /** CPU to pin the thread to; -1: none. */
  cpu: number;
  /** Network namespace file, in which `ifindex` is looked up; absent: the current one. */
  netns?: string;
}

/** rtm_protocol of everything in the kernel that Detour owns (`proto detour`). */
export const RTPROT_DETOUR = 68;

/** SCHED_FIFO of the addon's urgent threads: below interrupt threads (50), above everything ordinary. */
export const REALTIME_PRIORITY = 40;

export interface CarrierWatchOptions {
  /** The map `liveness`: an array of u64 with BPF_F_MMAPABLE. It stays mapped whatever becomes of the descriptor. */
  livenessFd: number;
  /** Ask for SCHED_FIFO at this priority; 0: do not ask. */
  realtimePriority: number;
  /** rtm_protocol of our routes: where the kernel deletes one of IPv6, it does so before it tells that a link is down. */
  routeProtocol: number;
  /** Default 8 MiB. */
  receiveBufferBytes?: number;
  /** Network namespace file whose links are watched; absent: the current one. */
  netns?: string;
}

/**
 * A thread with a netlink socket of its own: when a link goes down (administratively, by its carrier, by a state in which
 * frames do not leave) or is deleted, the liveness bits of the next hops on it are cleared at once, whatever JavaScript
 * is doing. It never sets a bit. Of messages that are pending together the newest of each link counts.
 */
export interface CarrierWatch {
  /** True when the thread runs under SCHED_FIFO. */
  readonly realtime: boolean;
  /**
   * Replaces the whole table in one step; an ifindex may come several times. Nothing is cleared by the call: links that
   * are down already are the caller's to know.
   */
  watch(entries: readonly { ifindex: number; nextHop: number }[]): void;
  /**
   * `cleared`: bits that were set. `overruns`: messages were lost; the thread then asks for the state of every link.
   * `error`: errno name that ended the thread; null: it runs.
   */
  statistics(): { cleared: number; messages: number; overruns: number; error: string | null };
  close(): void;
}

/** An exclusive flock(2); held until close() or the end of the process, however it ends. */
export interface FileLock {
  close(): void;
}

export interface LinkSocketOptions {
  family: 4 | 6;
  /** SO_BINDTOIFINDEX. */
  ifindex: number;
  ifname: string;
  /** Listened at and sent from. Not shared: EADDRINUSE where another socket has it on this interface. */
  port: number;
  /** Sent to. */
  peerPort: number;
  /** Raw address bytes (4 or 16) of the multicast group to join on that interface. */
  group: Uint8Array;
  /** Datagrams longer than this come as `truncated`. */
  maximumBytes: number;
  receiveBufferBytes?: number;
  /** Network namespace file, e.g. /run/netns/x; absent: the current one. */
  netns?: string;
  /** Once, when something is to be read; again only after a `receive` has found nothing more. */
  onReadable: () => void;
  /**
   * Errno name of an error pending on the socket, e.g. "ECONNABORTED" (`ss -K`); may come from within `receive`. The socket
   * stays open, but is not to be relied on: the kernel may have undone its binding. An interface that goes away is no
   * such error: `send` then throws.
   */
  onError: (code: string) => void;
}

export interface LinkDatagram {
  /** A copy. */
  bytes: Buffer;
  /** Raw address bytes. */
  source: Uint8Array;
  sourcePort: number;
  /** To the multicast group or to a unicast address of ours. */
  destination: Uint8Array;
  /** TTL or hop limit as received. */
  hopLimit: number;
  truncated: boolean;
  /** It came in several IP fragments. */
  fragmented: boolean;
}

/**
 * A UDP socket for one family on one interface: member of a multicast group there, sends with TTL or hop limit 255, not
 * looped back to this machine, and tells the TTL or hop limit of what it receives, which node:dgram cannot. Needs no
 * capability (binding an unbound socket to a device does not, since Linux 5.7). Keeps the process alive until close().
 */
export interface LinkSocket {
  /** Up to `max` datagrams that wait; fewer: nothing is left, and `onReadable` is armed again. */
  receive(max: number): LinkDatagram[];
  /** To a unicast address on the link or to the group. Throws NativeError; what the network loses is not noticed. */
  send(destination: Uint8Array, bytes: Uint8Array): void;
  /** Raw bytes of the source address that a datagram to the group would have now; null: the interface has none. */
  source(): Uint8Array | null;
  /** Datagrams that the kernel dropped at this socket because nobody read them; stays readable after `close`. */
  readonly overruns: number;
  close(): void;
}

export interface NativeAddon {
  openRingBuffer(mapFd: number, onReadable: () => void): RingBuffer;
  mapArray(mapFd: number, byteLength: number, writable: boolean): MappedArray;
  /** BPF_MAP_UPDATE_BATCH where the map type has it, otherwise one call each. Returns elements written. */
  mapUpdateBatch(mapFd: number, keys: Uint8Array, values: Uint8Array, count: number, flags: number): number;
  /** A key that is not in the map is passed over. Returns elements deleted. */
  mapDeleteBatch(mapFd: number, keys: Uint8Array, count: number): number;
  /** Reads `count` elements of an array map from index 0 (all CPUs of a per-CPU one) into `values`. */
  mapReadArray(mapFd: number, count: number, values: Uint8Array): void;
  /** All pairs of a hash or LPM map; keys and values are concatenated. NativeError E2BIG: more than `maxEntries`. */
  mapReadAll(
    mapFd: number,
    keySize: number,
    valueSize: number,
    maxEntries: number,
  ): { keys: Uint8Array; values: Uint8Array; count: number };
  /**
   * BPF_PROG_TEST_RUN of one XDP program with one frame. `netns`: the namespace in which the interface is looked up
   * (and with it the kernel FIB that bpf_fib_lookup asks); absent: the current one. `durationNs` is the mean of `repeat`.
   */
  programTestRun(
    programFd: number,
    frame: Uint8Array,
    context: { ingressIfindex: number; rxQueueIndex: number; netns?: string } | null,
    repeat: number,
  ): { verdict: number; frame: Buffer; durationNs: number };
  /** BPF_F_TEST_XDP_LIVE_FRAMES: frames really leave. Resolves with the wall time used. */
  runLiveFrames(options: LiveFrameOptions): Promise<{ elapsedNs: bigint }>;
  openNetlink(options: NetlinkSocketOptions): NetlinkSocket;
  openCarrierWatch(options: CarrierWatchOptions): CarrierWatch;
  openLinkSocket(options: LinkSocketOptions): LinkSocket;
  createProber(options: ProberOptions): Prober;
  createIcmpReceiver(options: IcmpReceiverOptions): IcmpReceiver;
  /** Bad arguments throw; what the network refuses rejects: ECONNREFUSED, ETIMEDOUT after `timeoutMs`, ... */
  openPathSocket(options: PathSocketOptions): Promise<PathSocket>;
  startTrafficSource(options: TrafficSourceOptions): TrafficSource;
  startTrafficSink(options: TrafficSinkOptions): TrafficSink;
  startFrameRelay(options: FrameRelayOptions): FrameRelay;
  /**
   * Makes the file where it is missing (mode 0600), locks it and writes our pid and a newline into it. Closing leaves it
   * there; who removes it does that before. The file that is locked is the one at `path`.
   * @returns null: it is locked already, by another process or by this one.
   * @throws NativeError of open (ENOENT: no such directory) or flock
   */
  lockFile(path: string): FileLock | null;
  monotonicNs(): bigint;
  /** SipHash-2-4 as used for the probe cookie, for tests. */
  sipHash(key: Uint8Array, data: Uint8Array): bigint;
}

const require = createRequire(import.meta.url);

function load(): NativeAddon {
  const file = '../native/build/Release/detour_native.node';
  try {
    return require(file) as NativeAddon;
  } catch (error) {
    throw new Error(`native/build/Release/detour_native.node does not load; run "make build" (${String(error)})`, {
      cause: error,
    });
  }
}

/** Loaded on import: everything that runs needs it. Works from src/ (tests) and from dist/ alike. */
export const native: NativeAddon = load();
