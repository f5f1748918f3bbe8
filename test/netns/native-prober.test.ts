/**
 * The probe transmitter and the ICMP receiver of the addon, against the kernel's own echo replies and scapy's checksums.
 *
 *     prober [uplink] 192.0.2.1, 2001:db8::1 ------ 192.0.2.2, 2001:db8::2 [gateway] peer
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { native, type IcmpReply, type ProbeStream, type TransmitRecord } from '../../src/native.js';
import { connectNetns, NamedNetns } from '../helpers/named-netns.js';
import { addressBytes, probeFrame } from '../helpers/probe-frame.js';
import { until } from '../helpers/poll.js';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => 17 * i);
const ADDRESSES = { 4: ['192.0.2.1', '192.0.2.2'], 6: ['2001:db8::1', '2001:db8::2'] } as const;
const PROBE_MAGIC = 0x44455452;

let here: NamedNetns;
let peer: NamedNetns;
const open: { close(): void }[] = [];
const opened = <T extends { close(): void }>(object: T): T => {
  open.push(object);
  return object;
};

beforeAll(() => {
  here = new NamedNetns('probe');
  peer = new NamedNetns('peer');
  connectNetns(here, 'uplink', [`${ADDRESSES[4][0]}/24`, `${ADDRESSES[6][0]}/64`], peer, 'gateway', [
    `${ADDRESSES[4][1]}/24`,
    `${ADDRESSES[6][1]}/64`,
  ]);
});
afterEach(() => open.splice(0).forEach((object) => object.close()));
afterAll(() => {
  here?.remove();
  peer?.remove();
});

function stream(session: number, family: 4 | 6, changes: Partial<ProbeStream> = {}): ProbeStream {
  const [source, destination] = ADDRESSES[family];
  return {
    session,
    epoch: 1000 + session,
    ifindex: here.ifindexOf('uplink'),
    rawIp: false,
    family,
    ...probeFrame(source, destination, [peer.macOf('gateway'), here.macOf('uplink')]),
    intervalUs: 5_000,
    jitterPercent: 0,
    ...changes,
  };
}

/** Frames that a device was given to send, also those that it dropped. */
function framesOf(link: string): number {
  const [found] = JSON.parse(here.ip(`-s -json link show dev ${link}`)) as {
    stats64: { tx: { packets: number; dropped: number } };
  }[];
  return found!.stats64.tx.packets + found!.stats64.tx.dropped;
}

const openProber = () => opened(native.createProber({ cookieKey: KEY, realtimePriority: 10, netns: here.path }));

/** Reads the log until it holds `count` records of the session. */
async function records(
  prober: ReturnType<typeof openProber>,
  session: number,
  count: number,
): Promise<TransmitRecord[]> {
  const seen: TransmitRecord[] = [];
  await until(
    () => {
      seen.push(...prober.readTransmitLog(1000).filter((record) => record.session === session));
      return seen.length >= count;
    },
    { what: `${count} probes sent` },
  );
  return seen;
}

describe.each([4, 6] as const)('probes over IPv%i', (family) => {
  test('are answered by the kernel of the other side, and the replies are known by their cookie', async () => {
    const prober = openProber();
    const replies: IcmpReply[] = [];
    const receive = (cookieKey: Uint8Array, into: IcmpReply[]) =>
      opened(
        native.createIcmpReceiver({
          ifindex: here.ifindexOf('uplink'),
          ifname: 'uplink',
          family,
          cookieKey,
          netns: here.path,
          onReply: (reply) => void into.push(reply),
        }),
      );
    const foreign: IcmpReply[] = [];
    receive(KEY, replies);
    receive(new Uint8Array(16), foreign);
    prober.setStream(stream(5, family));
    await until(() => replies.length >= 5, { what: 'five replies' });
    const sent = await records(prober, 5, 5);
    for (const reply of replies.slice(0, 5)) {
      const record = sent.find(({ sequence }) => sequence === reply.sequence)!;
      expect(reply).toMatchObject({ session: 5, epoch: 1005, transmitNs: record.transmitNs });
      expect(reply.receiveNs).toBeGreaterThan(reply.transmitNs);
      expect(reply.receiveNs).toBeLessThan(native.monotonicNs());
      expect(reply.source).toEqual(addressBytes(ADDRESSES[family][1]));
    }
    expect(replies.map(({ sequence }) => sequence).slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
    expect(foreign).toEqual([]);
  });
});

describe('a frame on the wire', () => {
  /** Fields of every frame as scapy reads them, with the checksums that it computes itself. */
  const SCAPY = `
import sys, json
from scapy.all import rdpcap, Ether, IP, IPv6, ICMP, ICMPv6EchoRequest, Dot1Q, raw
for p in rdpcap(sys.argv[1]):
    v6 = IPv6 in p
    echo = p[ICMPv6EchoRequest] if v6 else p[ICMP]
    again = Ether(raw(p))
    if v6: del again[ICMPv6EchoRequest].cksum
    else: del again[ICMP].chksum; del again[IP].chksum
    again = Ether(raw(again))
    print(json.dumps({"same": raw(again).hex() == raw(p).hex(), "id": echo.id, "seq": echo.seq, "vlan": p[Dot1Q].vlan if Dot1Q in p else None,
      "payload": (echo.data if v6 else raw(echo.payload)).hex(), "src": p[IPv6].src if v6 else p[IP].src}))
`;

  test('has the checksums that scapy computes, and the payload that was logged', async () => {
    const directory = mkdtempSync(join(tmpdir(), `dt-probe-${process.pid}-`));
    const pcap = join(directory, 'probes.pcap');
    const filter = 'icmp[icmptype] == icmp-echo or icmp6[0] == 128 or vlan';
    const tcpdump = spawn(
      'ip',
      [
        'netns',
        'exec',
        peer.name,
        'tcpdump',
        '-i',
        'gateway',
        '-U',
        '--immediate-mode',
        '-Q',
        'in',
        '-w',
        pcap,
        filter,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    try {
      await once(createInterface(tcpdump.stderr), 'line');
      const prober = openProber();
      const [source, destination] = ADDRESSES[6];
      const tagged = probeFrame(source, destination, [peer.macOf('gateway'), here.macOf('uplink')], 42);
      prober.setStream(stream(1, 4));
      prober.setStream(stream(2, 6));
      prober.setStream(stream(3, 6, tagged));
      const sent = (await Promise.all([1, 2, 3].map((session) => records(prober, session, 3)))).flat();
      prober.close();
      interface Seen {
        same: boolean;
        id: number;
        seq: number;
        vlan: number | null;
        payload: string;
      }
      const read = (): Seen[] =>
        execFileSync('/usr/bin/python3', ['-c', SCAPY, pcap], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Seen);
      const seen = await until(
        () => {
          const frames = read();
          return frames.length >= 9 ? frames : null;
        },
        { timeoutMs: 30_000, everyMs: 200, what: 'nine frames' },
      );
      for (const { same, id, seq, vlan, payload } of seen) {
        const bytes = Buffer.from(payload, 'hex');
        const session = bytes.readUInt32LE(4);
        const sequence = bytes.readUInt32LE(12);
        expect(same).toBe(true);
        expect(id).toBe(0xde70);
        expect(seq).toBe(sequence);
        expect(vlan).toBe(session === 3 ? 42 : null);
        expect(bytes.length).toBe(32);
        expect(bytes.readUInt32LE(0)).toBe(PROBE_MAGIC);
        expect(bytes.readUInt32LE(8)).toBe(1000 + session);
        expect(bytes.readBigUInt64LE(24)).toBe(native.sipHash(KEY, bytes.subarray(0, 24)));
        const record = sent.find((candidate) => candidate.session === session && candidate.sequence === sequence);
        if (record) expect(bytes.readBigUInt64LE(16)).toBe(record.transmitNs);
      }
      expect(new Set(seen.map(({ payload }) => Buffer.from(payload, 'hex').readUInt32LE(4)))).toEqual(
        new Set([1, 2, 3]),
      );
    } finally {
      tcpdump.kill();
      await once(tcpdump, 'close');
      rmSync(directory, { recursive: true });
    }
  });

  test('has no link-layer header on a raw-IP device', async () => {
    /* Reads packets from a tun device and prints them; the device lives as long as the process. */
    const TUN = `
import fcntl, os, struct, subprocess, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"raw0", 0x0001 | 0x1000))
subprocess.run(["ip", "link", "set", "raw0", "up"], check=True)
print("ready", flush=True)
while True:
    print(os.read(tun, 2048).hex(), flush=True)
`;
    const reader = spawn('ip', ['netns', 'exec', here.name, '/usr/bin/python3', '-c', TUN], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const packets: string[] = [];
      let ready = false;
      createInterface(reader.stdout).on('line', (line) => (line === 'ready' ? (ready = true) : packets.push(line)));
      await until(() => ready, { what: 'the tun device' });
      const prober = openProber();
      const ifindex = here.ifindexOf('raw0');
      prober.setStream(stream(1, 4, { ifindex, rawIp: true, ...probeFrame(...ADDRESSES[4]) }));
      prober.setStream(stream(2, 6, { ifindex, rawIp: true, ...probeFrame(...ADDRESSES[6]) }));
      const echo = (start: string) => packets.some((packet) => packet.startsWith(start) && packet.includes('52544544'));
      await until(() => echo('45') && echo('60'), { what: 'a probe of each family' });
    } finally {
      reader.kill();
      await once(reader, 'close');
    }
  });
});

describe('the schedule', () => {
  /** When each probe was planned, µs. */
  const planned = (sent: readonly TransmitRecord[]): number[] =>
    sent.map(({ transmitNs, lateUs }) => Number(transmitNs / 1000n) - lateUs);
  const gaps = (sent: readonly TransmitRecord[]): number[] =>
    planned(sent)
      .map((us, i, all) => us - all[i - 1]!)
      /* A probe that was late by a gap or more starts a new plan. */
      .filter((_, i) => i > 0 && sent[i]!.lateUs < 3_000 && sent[i - 1]!.lateUs < 3_000);

  test('keeps the interval exactly, however late single probes are', async () => {
    const prober = openProber();
    prober.setStream(stream(1, 4));
    const all = gaps(await records(prober, 1, 40));
    expect(all.length).toBeGreaterThan(5);
    for (const gap of all) expect(Math.abs(gap - 5_000)).toBeLessThanOrEqual(2);
  });

  test('shortens each gap by a random part of the jitter', async () => {
    const prober = openProber();
    prober.setStream(stream(1, 4, { jitterPercent: 25 }));
    const all = gaps(await records(prober, 1, 60));
    for (const gap of all) {
      expect(gap).toBeGreaterThanOrEqual(3_748);
      expect(gap).toBeLessThanOrEqual(5_002);
    }
    expect(new Set(all).size).toBeGreaterThan(all.length / 2);
  });

  test('adds a burst without disturbing the rhythm', async () => {
    const prober = openProber();
    prober.setStream(stream(1, 4, { intervalUs: 3_600_000_000 }));
    await records(prober, 1, 1);
    prober.burst(1, 4, 500);
    const burst = await records(prober, 1, 4);
    expect(burst.map(({ sequence }) => sequence)).toEqual([2, 3, 4, 5]);
    expect(() => prober.burst(2, 1, 0)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  test('goes on with its numbers in the same epoch and starts anew in another', async () => {
    const prober = openProber();
    prober.setStream(stream(1, 4));
    const first = (await records(prober, 1, 3)).length;
    prober.setStream(stream(1, 4));
    const [next] = await records(prober, 1, 1);
    expect(next!.sequence).toBe(first + 1);
    prober.setStream(stream(1, 4, { epoch: 2 }));
    const anew = (await records(prober, 1, 20)).filter(({ epoch }) => epoch === 2);
    expect(anew[0]!.sequence).toBe(1);
  });

  test('stops for a removed stream, and only for that', async () => {
    const prober = openProber();
    prober.setStream(stream(1, 4));
    prober.setStream(stream(2, 4));
    await records(prober, 1, 2);
    prober.removeStream(1);
    prober.removeStream(1);
    prober.readTransmitLog(1000);
    const after: TransmitRecord[] = [];
    await until(
      () => {
        after.push(...prober.readTransmitLog(1000));
        return after.length >= 5;
      },
      { what: 'probes of the other stream' },
    );
    expect(after.every(({ session }) => session === 2)).toBe(true);
  });
});

/** How often this thread has waited for something since it began: proc(5), /proc/pid/status. */
const waits = (): number =>
  Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))![1]);

const descriptors = (): number => readdirSync('/proc/self/fd').length;

describe('the packet socket of a removed stream', () => {
  const SOCKETS = 40;
  const seldom = { intervalUs: 3_600_000_000 };
  /** Each has a socket of its own; no device has these numbers. */
  const setStreams = (prober: ReturnType<typeof openProber>): void => {
    for (let i = 0; i < SOCKETS; i++) prober.setStream(stream(i, 4, { ...seldom, ifindex: 10_000 + i }));
  };

  test('is closed without a wait of the thread that removes it, which closing it there costs', async () => {
    const prober = openProber();
    const before = descriptors();
    setStreams(prober);
    expect(descriptors()).toBe(before + SOCKETS);
    const start = waits();
    for (let i = 0; i < SOCKETS; i++) prober.removeStream(i);
    // A lock that is held for a moment may be waited for.
    expect(waits() - start).toBeLessThan(SOCKETS / 4);
    await until(() => descriptors() === before, { what: 'the sockets to be closed' });

    setStreams(prober);
    const blocking = waits();
    prober.close();
    expect(waits() - blocking).toBeGreaterThanOrEqual(SOCKETS);
  });

  test('is another one when the stream comes back at once', async () => {
    const prober = openProber();
    for (let i = 1; i <= 5; i++) {
      prober.setStream(stream(1, 4, { epoch: i }));
      const [record] = await records(prober, 1, 1);
      expect(record).toMatchObject({ epoch: i, errno: 0 });
      prober.removeStream(1);
      prober.readTransmitLog(1000);
    }
  });

  test('does not stay open when the prober ends at once', () => {
    const before = descriptors();
    const prober = openProber();
    setStreams(prober);
    for (let i = 0; i < SOCKETS; i++) prober.removeStream(i);
    prober.close();
    expect(descriptors()).toBe(before);
  });
});

describe('the transmitter', () => {
  test('logs a failed send with its errno instead of hiding it', async () => {
    const prober = openProber();
    prober.setStream(stream(1, 4, { ifindex: 4242 }));
    const [record] = await records(prober, 1, 1);
    const ENXIO = 6;
    expect(record!.errno).toBe(ENXIO);
  });

  test('counts what an unread log lost, and keeps the newest', async () => {
    const prober = openProber();
    prober.setStream(stream(1, 4, { intervalUs: 3_600_000_000 }));
    const total = 18_001;
    let last = 1;
    for (let bursts = 0; bursts < 18; bursts++) {
      prober.burst(1, 1_000, 0);
      last += 1_000;
      /* The thread beats after each probe, too, and a slow machine takes long for a thousand: out when nothing goes. */
      let frames = -1;
      while (frames !== framesOf('uplink')) {
        frames = framesOf('uplink');
        const heartbeat = prober.heartbeatNs;
        await until(() => prober.heartbeatNs - heartbeat > 100_000_000n, { what: 'the thread’s heartbeat' });
      }
    }
    expect(last).toBe(total);
    const kept = prober.readTransmitLog(100_000);
    expect(kept.at(-1)!.sequence).toBe(total);
    expect(prober.transmitLogOverruns).toBe(total - kept.length);
    expect(prober.transmitLogOverruns).toBeGreaterThan(0);
    expect(kept.map(({ sequence }) => sequence)).toEqual(kept.map((_, i) => total - kept.length + 1 + i));
  });

  test('beats its heart although it has nothing to send', async () => {
    const prober = openProber();
    const before = prober.heartbeatNs;
    await until(() => prober.heartbeatNs > before, { what: 'the next heartbeat' });
  });

  test.each([
    ['a frame that is too short', { frame: new Uint8Array(60) }, 'stream.frame must end 40 bytes after'],
    ['an ICMP header behind the end', { icmpOffset: 4_000_000_000 }, 'stream.frame must end 40 bytes after'],
    ['a frame of the other family', { family: 6 as const }, 'stream.frame must have an IPv6 header'],
    ['a frame without link-layer header', { ...probeFrame(...ADDRESSES[4]) }, 'stream.frame must'],
    ['an interval of nothing', { intervalUs: 0 }, 'stream.intervalUs must be an integer from 1000'],
    ['a session that the maps do not have', { session: 100_000 }, 'stream.session must be'],
    ['an interface number of 0', { ifindex: 0 }, 'stream.ifindex must be'],
  ])('refuses %s', (_, changes: Partial<ProbeStream>, message) => {
    const prober = openProber();
    expect(() => prober.setStream(stream(1, 4, changes))).toThrow(message);
    expect(() => prober.setStream(stream(1, 4, changes))).toThrow(TypeError);
  });

  test('refuses a frame that is no echo request', () => {
    const reply = stream(1, 4);
    reply.frame[reply.icmpOffset] = 0;
    expect(() => openProber().setStream(reply)).toThrow('echo request');
  });
});
