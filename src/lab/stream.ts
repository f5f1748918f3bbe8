/** Numbered packets from the lab's client to its far server, in one family. */
import { native } from '../native.js';
import type { TrafficSink, TrafficSource } from '../native.js';
import type { Stream } from './measure.js';
import { CLIENT_IPV4, CLIENT_IPV6, FAR_IPV4, FAR_IPV6, namespacePath } from './topology.js';
import type { LabNames } from './topology.js';

export interface StreamOptions {
  names: LabNames;
  family: 4 | 6;
  packetsPerSecond: number;
  maxSeconds: number;
}

const PORT = 9000;
const PAYLOAD_BYTES = 64;

export class LabStream {
  readonly #source: TrafficSource;
  readonly #sink: TrafficSink;
  readonly #packetsPerSecond: number;

  constructor({ names, family, packetsPerSecond, maxSeconds }: StreamOptions) {
    const maxPackets = packetsPerSecond * maxSeconds;
    const address = family === 4 ? FAR_IPV4 : FAR_IPV6;
    this.#packetsPerSecond = packetsPerSecond;
    this.#sink = native.startTrafficSink({ netns: namespacePath(names.far), family, address, port: PORT, maxPackets });
    try {
      this.#source = native.startTrafficSource({
        netns: namespacePath(names.client),
        family,
        source: family === 4 ? CLIENT_IPV4 : CLIENT_IPV6,
        destination: address,
        port: PORT,
        packetsPerSecond,
        payloadBytes: PAYLOAD_BYTES,
        maxPackets,
      });
    } catch (error) {
      this.#sink.stop();
      throw error;
    }
  }

  takeCounts(): { ifindex: number; packets: number }[] {
    return this.#sink.takeCounts();
  }

  get sent(): number {
    return this.#source.sent;
  }

  get received(): number {
    return this.#sink.received;
  }

  /** Ends both; what was sent last has had the time of one call to arrive, so ask only for windows before the end. */
  stop(): Stream & { maxGapUs: number } {
    const { transmitNs, maxGapUs } = this.#source.stop();
    const { receiveNs, ifindex } = this.#sink.stop();
    return { transmitNs, receiveNs, ifindex, maxGapUs, packetsPerSecond: this.#packetsPerSecond };
  }
}
