/** libbpf-ts against the kernel, with small programs compiled here. */
import { createSocket } from 'node:dgram';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BpfError, BpfLink, BpfMap, BpfObject, BpfProgram, possibleCpus, queryXdp } from '../../src/libbpf/index.js';
import { mountBpffs } from '../helpers/bpffs.js';
import { compileBpf, type CompiledBpf } from '../helpers/compile-bpf.js';
import { enterOwnNetns, ifindexOf, ip } from '../helpers/own-netns.js';
import { until } from '../helpers/poll.js';

const SOURCE = `
struct flow { __u32 address; __u16 port; __u8 mac[6]; __u32 pad; };
struct totals { __u64 packets; __u64 bytes; };
enum verdict { VERDICT_PASS = 2 };

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } packets SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, struct totals); } totals SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, struct flow); __type(value, struct totals); } flows SEC(".maps");

const volatile __u32 step = 1;
const volatile __u8 salt[4] = { 1, 2, 3, 4 };
__u64 seen;

SEC("xdp") int count(struct xdp_md *context)
{
	__u32 index = 0;
	__u64 *packet = bpf_map_lookup_elem(&packets, &index);
	struct totals *total = bpf_map_lookup_elem(&totals, &index);
	struct flow flow = { .address = 1, .port = salt[3] };
	struct totals *known = bpf_map_lookup_elem(&flows, &flow);
	if (packet)
		__sync_fetch_and_add(packet, step);
	if (total)
		total->packets++;
	if (known)
		known->packets++;
	__sync_fetch_and_add(&seen, 1);
	return VERDICT_PASS;
}

SEC("xdp") int unused(struct xdp_md *context) { return XDP_ABORTED; }

SEC("tp_btf/sched_switch") int switched(void *context)
{
	__u32 index = 1;
	__u64 *switches = bpf_map_lookup_elem(&packets, &index);
	if (switches)
		__sync_fetch_and_add(switches, 1);
	return 0;
}
`;

const REJECTED = `
SEC("xdp") int bad(struct xdp_md *context)
{
	__u8 *data = (void *)(long)context->data;
	return data[100];
}
`;

interface Flow {
  address: number;
  port: number;
  mac: Uint8Array;
}
interface Totals {
  packets: bigint;
  bytes: bigint;
}

let compiled: CompiledBpf;
let bpffs: ReturnType<typeof mountBpffs>;
const cleanups: (() => void)[] = [];

/** Closed after the test, in reverse order. */
function closing<T extends { close(): void }>(resource: T): T {
  cleanups.push(() => resource.close());
  return resource;
}

function load(programs = ['count']): BpfObject {
  return closing(BpfObject.open(compiled.path).selectPrograms(programs).load());
}

function errorOf(action: () => unknown): BpfError {
  try {
    action();
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}

beforeAll(() => {
  enterOwnNetns();
  ip('link add dt0 type veth peer name dt1');
  ip('link set dt0 up');
  ip('link set dt1 up');
  ip('address add 192.0.2.1/24 dev dt0');
  ip('neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 dev dt0');
  compiled = compileBpf(SOURCE, 'sample');
  bpffs = mountBpffs();
});

afterEach(() => {
  while (cleanups.length) cleanups.pop()?.();
});

afterAll(() => {
  compiled.remove();
  bpffs.unmount();
});

describe('maps', () => {
  test('an array map holds 64-bit values as bigint, and no key beyond its size', () => {
    const packets = load().map<number, bigint>('packets');
    packets.set(3, 0xffff_ffff_ffff_ffffn);
    expect(packets.get(3)).toBe(0xffff_ffff_ffff_ffffn);
    expect(packets.get(4)).toBeNull();
    expect(errorOf(() => packets.set(4, 1n)).errnoName).toBe('E2BIG');
    expect([...packets.keys()]).toEqual([0, 1, 2, 3]);
  });

  test('a hash map takes structures as key and value, with u8 arrays as bytes and without padding', () => {
    const flows = load().map<Flow, Totals>('flows');
    const key = { address: 0xc0000201, port: 443, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) };
    expect(flows.get(key)).toBeNull();
    flows.set(key, { packets: 5n, bytes: 6n }, 'create');
    expect(errorOf(() => flows.set(key, { packets: 5n, bytes: 6n }, 'create')).errnoName).toBe('EEXIST');
    expect([...flows]).toEqual([[key, { packets: 5n, bytes: 6n }]]);
    expect(flows.delete(key)).toBe(true);
    expect(flows.delete(key)).toBe(false);
    expect(errorOf(() => flows.set(key, { packets: 1n, bytes: 1n }, 'exist')).errnoName).toBe('ENOENT');
  });

  test('keys can be deleted while walking the map, and each comes once', () => {
    const flows = load().map<Flow, Totals>('flows');
    for (let port = 1; port <= 16; port++) {
      flows.set({ address: 1, port, mac: new Uint8Array(6) }, { packets: 0n, bytes: 0n });
    }
    const walked: number[] = [];
    for (const key of flows.keys()) {
      walked.push(key.port);
      if (key.port % 2 === 0) flows.delete(key);
    }
    expect(walked.sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
    expect([...flows.keys()].every(({ port }) => port % 2 === 1)).toBe(true);
  });

  test('a per-CPU map gives one value for each possible CPU', () => {
    const totals = load().map<number, Totals[]>('totals');
    const values = Array.from({ length: possibleCpus() }, (_, cpu) => ({ packets: BigInt(cpu), bytes: 7n }));
    totals.set(1, values);
    expect(totals.get(1)).toEqual(values);
    expect(() => totals.set(1, [])).toThrow(/per-CPU/);
  });

  test('a value that does not fit is refused with the name of its field', () => {
    const flows = load().map<Flow, Totals>('flows');
    const flow = { address: 1, port: 65_536, mac: new Uint8Array(6) };
    expect(() => flows.get(flow)).toThrow('port: expected an integer 0..65535, got 65536');
    expect(() => flows.get({ ...flow, port: 1, mac: new Uint8Array(5) })).toThrow(/^mac: expected a Uint8Array of 6/);
    expect(() => flows.get({ ...flow, colour: 1 } as Flow)).toThrow('struct flow has no field colour');
  });

  test('a pinned map is opened again with the same types, and outlives its object', () => {
    const path = `${bpffs.path}/flows`;
    const object = load();
    const key = { address: 9, port: 1, mac: new Uint8Array(6) };
    object.map<Flow, Totals>('flows').set(key, { packets: 1n, bytes: 2n });
    object.map('flows').pin(path);
    object.close();
    const again = closing(BpfMap.openPinned<Flow, Totals>(path));
    expect(again.get(key)).toEqual({ packets: 1n, bytes: 2n });
    expect(again.info()).toMatchObject({ name: 'flows', maxEntries: 16, keySize: 16, valueSize: 16 });
    again.unpin(path);
    expect(errorOf(() => BpfMap.openPinned(path)).message).toMatch(/^ENOENT: bpf_obj_get: .*flows/);
  });

  test('pinning outside a bpffs says what is missing', () => {
    const error = errorOf(() => load().map('flows').pin('/tmp/dt-not-bpffs'));
    expect(error.message).toMatch(/\/tmp is not a directory on a bpffs \(mount -t bpf/);
  });
});

describe('objects', () => {
  test('sizes and globals are set before loading', () => {
    const spec = BpfObject.open(compiled.path).selectPrograms(['count']);
    spec
      .setMaxEntries('packets', 9)
      .setGlobal('step', 5)
      .setGlobal('salt', Uint8Array.of(9, 9, 9, 9));
    const object = closing(spec.load());
    expect(object.map('packets').maxEntries).toBe(9);
    expect(object.map('.rodata').get(0)).toMatchObject({ step: 5, salt: Uint8Array.of(9, 9, 9, 9) });
  });

  test('a global, map or program that does not exist is named, with those that do', () => {
    const spec = closing(BpfObject.open(compiled.path));
    expect(errorOf(() => spec.setGlobal('stepp', 1)).message).toMatch(/stepp in .*no such global/);
    expect(errorOf(() => spec.setMaxEntries('packet', 1)).message).toContain('there are: packets, totals, flows');
    expect(errorOf(() => spec.selectPrograms(['counter'])).message).toContain('there are: count, unused, switched');
  });

  test('only the selected programs are loaded', () => {
    const object = load(['count']);
    expect(object.program('count').info()).toMatchObject({ type: 6, name: 'count' });
    expect(errorOf(() => object.program('unused')).message).toContain('was it loaded?');
  });

  test('an existing map is reused when it agrees, and refused with the difference when not', () => {
    const first = load();
    first.map<number, bigint>('packets').set(2, 77n);
    const spec = BpfObject.open(compiled.path).selectPrograms(['count']).reuseMap('packets', first.map('packets'));
    expect(closing(spec.load()).map<number, bigint>('packets').get(2)).toBe(77n);

    const other = closing(BpfObject.open(compiled.path).setMaxEntries('packets', 5));
    const error = errorOf(() => other.reuseMap('packets', first.map('packets')));
    expect(error.message).toContain('the existing map differs in max_entries (4, wanted 5)');
  });

  test('a program that the verifier rejects fails with the end of its log, and the whole log on demand', () => {
    const bad = compileBpf(REJECTED, 'rejected');
    cleanups.push(() => bad.remove());
    const error = errorOf(() => BpfObject.open(bad.path).load());
    expect(error.errnoName).toBe('EACCES');
    expect(error.call).toBe('bpf_object__load');
    expect(error.message).toMatch(/the verifier rejected the program\nverifier log/);
    expect(error.message).toContain('invalid access to packet');
    expect(error.verifierLog).toContain('processed ');
    expect(error.libbpfLog).toContain("prog 'bad': BPF program load failed: Permission denied");
  });

  test('without the right to load, the error says which capabilities are needed', () => {
    const spec = BpfObject.open(compiled.path).selectPrograms(['count']);
    process.seteuid?.(65_534);
    try {
      const error = errorOf(() => spec.load());
      expect(error.errnoName).toBe('EPERM');
      expect(error.message).toContain('loading needs CAP_BPF and CAP_NET_ADMIN (run as root)');
    } finally {
      process.seteuid?.(0);
    }
  });

  test('a file that is no object is refused in words', () => {
    expect(errorOf(() => BpfObject.open('/does/not/exist')).message).toMatch(/^ENOENT: bpf_object__open_file: \/does/);
    expect(errorOf(() => BpfObject.open('/etc/hostname')).message).toContain('not a BPF object file');
  });

  test('what is closed says so', () => {
    const object = load();
    const packets = object.map('packets');
    object.close();
    expect(errorOf(() => object.map('packets')).message).toContain('it is closed');
    packets.close();
    expect(errorOf(() => packets.get(0)).message).toContain('map packets: it is closed');
  });
});

describe('programs and links', () => {
  test('an XDP program attached in native mode counts packets until the link is closed', async () => {
    const object = load();
    const packets = object.map<number, bigint>('packets');
    const link = closing(object.program('count').attachXdp(ifindexOf('dt1'), { mode: 'native' }));
    expect([link.mode, link.fallbackReason]).toEqual(['native', null]);
    expect(link.info()).toMatchObject({ ifindex: ifindexOf('dt1'), programId: object.program('count').info().id });
    expect(queryXdp(ifindexOf('dt1')).mode).toBe('native');
    await until(() => sendUdp().then(() => (packets.get(0) ?? 0n) > 0n), { what: 'a counted packet' });
    const bss = object.map<number, { seen: bigint }>('.bss').get(0);
    expect(bss?.seen).toBeGreaterThan(0n);
    link.close();
    expect(queryXdp(ifindexOf('dt1')).mode).toBe('none');
  });

  test('generic mode is reported as such', () => {
    const link = closing(load().program('count').attachXdp(ifindexOf('dt1'), { mode: 'generic' }));
    expect(link.mode).toBe('generic');
    expect(queryXdp(ifindexOf('dt1')).mode).toBe('generic');
  });

  test('auto falls back to generic on a device without native XDP, and says why', () => {
    const link = closing(load().program('count').attachXdp(ifindexOf('lo')));
    expect(link.mode).toBe('generic');
    expect(link.fallbackReason).toMatch(/native mode was refused: (EOPNOTSUPP|EINVAL)/);
    expect(errorOf(() => load().program('count').attachXdp(ifindexOf('lo'), { mode: 'native' })).call).toBe(
      'bpf_link_create',
    );
  });

  test('a second program on the same device is refused as busy, without a fallback', () => {
    closing(load().program('count').attachXdp(ifindexOf('dt1')));
    const error = errorOf(() => load().program('count').attachXdp(ifindexOf('dt1')));
    expect(error.errnoName).toBe('EBUSY');
    expect(error.message).toContain('another XDP program is attached');
  });

  test('a missing device is refused as missing', () => {
    expect(errorOf(() => load().program('count').attachXdp(999_999)).message).toMatch(/ENODEV.*no such network device/);
  });

  test('a pinned link keeps the program attached, is opened again and takes another program', () => {
    const path = `${bpffs.path}/link`;
    const first = load();
    first.program('count').attachXdp(ifindexOf('dt1')).pin(path);
    first.close();
    expect(queryXdp(ifindexOf('dt1')).mode).toBe('native');

    const link = closing(BpfLink.openPinned(path));
    const second = load(['unused']);
    link.update(second.program('unused'));
    expect(link.info().programId).toBe(second.program('unused').info().id);

    link.detach();
    link.unpin(path);
    expect(queryXdp(ifindexOf('dt1')).mode).toBe('none');
    expect(link.info().ifindex).toBe(0);
  });

  test('a pinned program is opened again by its path', () => {
    const path = `${bpffs.path}/program`;
    const object = load();
    object.program('count').pin(path);
    const { id } = object.program('count').info();
    object.close();
    const program = closing(BpfProgram.openPinned(path));
    expect(program.info().id).toBe(id);
    closing(program.attachXdp(ifindexOf('dt1')));
    expect(errorOf(() => program.attach()).message).toContain('only a program of an open object');
    expect(errorOf(() => BpfLink.openPinned(path)).message).toContain('it is pinned, but is not a link');
  });

  test('a tracing program attaches to the hook that its section names', async () => {
    const object = load(['switched']);
    const packets = object.map<number, bigint>('packets');
    const link = closing(object.program('switched').attach());
    await until(() => (packets.get(1) ?? 0n) > 0n, { what: 'a task switch' });
    link.close();
    const after = packets.get(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(packets.get(1)).toBe(after);
  });

  test('the section of a program that cannot be attached is named in the error', () => {
    const error = errorOf(() => load(['count']).program('count').attach());
    expect(error.message).toMatch(/program count \(xdp\)/);
  });
});

/** One datagram from dt0 to a neighbour behind dt1. */
async function sendUdp(): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.send('x', 9, '192.0.2.2', (error) => (error ? reject(error) : resolve()));
  });
  socket.close();
}
