/**
 * Scapy as the independent implementation: it builds frames, and the frames we expect, with its own checksums.
 * Debian's python3-scapy, hence the system's Python whatever comes first in PATH. One process for a batch: it takes a
 * second to start.
 */
import { execFileSync } from 'node:child_process';

const PYTHON = '/usr/bin/python3';

/** Names that expressions can use besides Scapy's. */
const PRELUDE = `
import sys, json, logging
logging.getLogger('scapy').setLevel(logging.CRITICAL)
from scapy.all import *
conf.use_pcap = False
E = Ether(src='02:00:00:00:00:99', dst='02:00:00:00:00:01')
def hexed(p):
    return raw(p).hex()
`;

function run(script: string, input: unknown): unknown {
  const output = execFileSync(PYTHON, ['-c', PRELUDE + script], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 120_000,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return JSON.parse(output);
}

/** Frames from Scapy expressions; `E` is Ethernet from a neighbour to the test router. */
export function scapyFrames(expressions: readonly string[]): Buffer[] {
  const script = `
print(json.dumps([hexed(eval(e)) for e in json.load(sys.stdin)]))
`;
  return (run(script, expressions) as string[]).map((hex) => Buffer.from(hex, 'hex'));
}

/**
 * What Scapy thinks of each frame's checksums (IPv4 header, TCP, UDP, ICMP, ICMPv6): it dissects the frame, forgets the
 * checksums, builds it again and compares. Returns the layers that differ, "" when all is well.
 */
export function scapyChecksumFaults(frames: readonly Buffer[]): string[] {
  const script = `
def faults(h):
    p = Ether(bytes.fromhex(h))
    again = p.copy()
    layer = again
    while layer and not isinstance(layer, NoPayload):
        for field in ('chksum', 'cksum'):
            if field in layer.fields:
                delattr(layer, field)
        layer = layer.payload
    again = Ether(raw(again))
    names = []
    a, b = p, again
    while not isinstance(a, NoPayload):
        for field in ('chksum', 'cksum'):
            if field in a.fields and a.fields[field] != b.fields.get(field):
                names.append(a.name)
        a, b = a.payload, b.payload
    return ','.join(names)
print(json.dumps([faults(h) for h in json.load(sys.stdin)]))
`;
  return run(
    script,
    frames.map((frame) => frame.toString('hex')),
  ) as string[];
}

const declared = new Set<string>();
const built = new Map<string, Buffer>();

/** Says that `frameOf` will be asked for these: all of a test file's frames are then built by one process. */
export function declareFrames(expressions: readonly string[]): void {
  for (const expression of expressions) declared.add(expression);
}

/** The frame of a declared expression. */
export function frameOf(expression: string): Buffer {
  if (!built.has(expression)) {
    const missing = [...declared].filter((each) => !built.has(each));
    scapyFrames(missing).forEach((frame, i) => built.set(missing[i] as string, frame));
  }
  const frame = built.get(expression);
  if (!frame) throw new Error(`${expression} was not declared`);
  return Buffer.from(frame);
}

/** Named frames for a test file. */
export function frameTable<Name extends string>(expressions: Record<Name, string>): (name: Name) => Buffer {
  declareFrames(Object.values(expressions));
  return (name) => frameOf(expressions[name]);
}
