/** Packets of an interface in the lab as tcpdump saw them, and their times on the clock that everything else here uses. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { native } from '../native.js';
import { namespacePath } from './topology.js';

export interface CapturedPacket {
  /** CLOCK_MONOTONIC, from the kernel's stamp. */
  atNs: bigint;
  /** From the Ethernet header on. */
  frame: Buffer;
}

/** pcap with nanoseconds, https://www.tcpdump.org/manpages/pcap-savefile.5.html: little-endian as this writer's host. */
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;
const START_TIMEOUT_MS = 10_000;

/** A stream of bytes cut into packets; what is incomplete waits. */
export class PcapReader {
  #waiting = Buffer.alloc(0);
  #started = false;

  /** @throws Error when it is not a pcap stream with nanoseconds */
  read(chunk: Buffer): { wallNs: bigint; frame: Buffer }[] {
    let bytes = Buffer.concat([this.#waiting, chunk]);
    if (!this.#started) {
      if (bytes.length < FILE_HEADER_BYTES) {
        this.#waiting = bytes;
        return [];
      }
      if (bytes.readUInt32LE(0) !== MAGIC_NANOSECONDS) throw new Error('tcpdump does not write pcap with nanoseconds');
      this.#started = true;
      bytes = bytes.subarray(FILE_HEADER_BYTES);
    }
    const packets: { wallNs: bigint; frame: Buffer }[] = [];
    while (bytes.length >= PACKET_HEADER_BYTES) {
      const length = bytes.readUInt32LE(8);
      if (bytes.length < PACKET_HEADER_BYTES + length) break;
      const wallNs = BigInt(bytes.readUInt32LE(0)) * 1_000_000_000n + BigInt(bytes.readUInt32LE(4));
      packets.push({ wallNs, frame: bytes.subarray(PACKET_HEADER_BYTES, PACKET_HEADER_BYTES + length) });
      bytes = bytes.subarray(PACKET_HEADER_BYTES + length);
    }
    this.#waiting = bytes;
    return packets;
  }
}

export class PacketCapture {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves once it listens. @param filter as of tcpdump */
  static start(
    where: { namespace: string; name: string },
    filter: string,
    onPacket: (packet: CapturedPacket) => void,
  ): Promise<PacketCapture> {
    const offsetNs = BigInt(Date.now()) * 1_000_000n - native.monotonicNs();
    const args = ['-i', where.name, '--immediate-mode', '--time-stamp-precision=nano', '-U', '-w', '-', filter];
    const child = spawn('nsenter', [`--net=${namespacePath(where.namespace)}`, 'tcpdump', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const reader = new PcapReader();
    child.stdout.on('data', (chunk: Buffer) => {
      for (const { wallNs, frame } of reader.read(chunk)) onPacket({ atNs: wallNs - offsetNs, frame });
    });
    return new Promise((resolve, reject) => {
      let said = '';
      const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (!said.includes('listening on')) return;
        clearTimeout(timer);
        resolve(new PacketCapture(child));
      });
      child.once('error', reject);
      child.once('close', () => reject(new Error(`tcpdump: ${said.trim() || 'ended before it listened'}`)));
    });
  }

  stop(): void {
    this.#child.kill('SIGTERM');
  }
}
