/** BPF_PROG_TEST_RUN through the addon: verdicts, frames, contexts, live frames. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BpfObject } from '../../src/libbpf/index.js';
import { native } from '../../src/native.js';
import { compileBpf, type CompiledBpf } from '../helpers/compile-bpf.js';
import { until } from '../helpers/poll.js';

const SOURCE = `
/* Turns the frame round by one byte and makes it 4 bytes longer in front. */
SEC("xdp") int grow(struct xdp_md *context)
{
	if (bpf_xdp_adjust_head(context, -4))
		return XDP_ABORTED;
	__u8 *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
	if (data + 4 > end)
		return XDP_ABORTED;
	data[0] = 0xaa;
	data[3] = context->ingress_ifindex;
	return XDP_TX;
}

SEC("xdp") int transmit(struct xdp_md *context)
{
	return XDP_TX;
}

SEC("xdp") int pass(struct xdp_md *context)
{
	return XDP_PASS;
}
`;
const XDP_TX = 3;
const NETNS = `dt-run-${process.pid}`;
const NETNS_PATH = `/run/netns/${NETNS}`;

let compiled: CompiledBpf;
let object: BpfObject;
const ip = (...args: string[]): string =>
  execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const ipInside = (...args: string[]): string => ip('-n', NETNS, ...args);

beforeAll(() => {
  compiled = compileBpf(SOURCE, 'run');
  object = BpfObject.open(compiled.path).load();
  ip('netns', 'add', NETNS);
  ipInside('link', 'add', 'left', 'index', '77', 'type', 'veth', 'peer', 'name', 'right', 'index', '78');
  for (const name of ['left', 'right'])
    ipInside('link', 'set', name, 'up', 'address', `02:00:00:00:00:0${name.length}`);
});
afterAll(() => {
  ip('netns', 'del', NETNS);
  object?.close();
  compiled?.remove();
});

describe('a test run', () => {
  test('answers verdict, frame and duration', () => {
    const frame = new Uint8Array(64).fill(7);
    const result = native.programTestRun(object.program('grow').fd, frame, null, 1);
    expect(result.verdict).toBe(XDP_TX);
    expect(result.frame.length).toBe(68);
    expect(result.frame[0]).toBe(0xaa);
    expect(result.frame.subarray(4)).toEqual(Buffer.from(frame));
    expect(result.durationNs).toBeGreaterThan(0);
  });

  test('runs on an interface of another namespace', () => {
    const context = { ingressIfindex: 77, rxQueueIndex: 0, netns: NETNS_PATH };
    const { frame } = native.programTestRun(object.program('grow').fd, new Uint8Array(64), context, 1);
    expect(frame[3]).toBe(77);
  });

  test('says what the kernel refused', () => {
    const run =
      (frame: Uint8Array, context: Parameters<typeof native.programTestRun>[2] = null) =>
      () =>
        native.programTestRun(object.program('grow').fd, frame, context, 1);
    const refused = (code: string): unknown => expect.objectContaining({ code, syscall: 'BPF_PROG_TEST_RUN' });
    expect(run(new Uint8Array(13))).toThrow(refused('EINVAL'));
    expect(run(new Uint8Array(64), { ingressIfindex: 12345, rxQueueIndex: 0, netns: NETNS_PATH })).toThrow(
      refused('ENODEV'),
    );
    expect(run(new Uint8Array(64), { ingressIfindex: 1, rxQueueIndex: 0, netns: '/run/netns/none' })).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
    expect(run(new Uint8Array(65537))).toThrow('frame must have at most 65536 bytes');
    expect(run('text' as never)).toThrow('frame must be a Uint8Array');
    expect(run(new Uint8Array(64), {} as never)).toThrow('context.ingressIfindex must be an integer');
  });
});

describe('live frames', () => {
  /** Packets that `right` has received, as its namespace counts them. */
  const received = (): number => {
    const [link] = JSON.parse(ipInside('-json', '-s', 'link', 'show', 'dev', 'right')) as {
      stats64: { rx: { packets: number } };
    }[];
    return link!.stats64.rx.packets;
  };
  const frame = Uint8Array.from([2, 0, 0, 0, 0, 5, 2, 0, 0, 0, 0, 4, 0x88, 0xb5, ...new Array<number>(50).fill(0)]);
  const options = { frame, ifindex: 77, batchSize: 64, cpu: -1, netns: NETNS_PATH };

  test('leave by the interface, all of them', async () => {
    /* veth takes XDP frames only when its peer runs NAPI: a program on the peer sees to it. */
    ipInside('link', 'set', 'right', 'xdpdrv', 'object', compiled.path, 'program', 'pass');
    ipInside('link', 'set', 'left', 'xdpdrv', 'object', compiled.path, 'program', 'pass');
    const before = received();
    const { elapsedNs } = await native.runLiveFrames({
      ...options,
      programFd: object.program('transmit').fd,
      repeat: 10_000,
      cpu: 0,
    });
    expect(elapsedNs).toBeGreaterThan(0n);
    await until(() => received() - before >= 10_000, { what: '10,000 frames on the other side' });
  });

  test('leave no thread behind, and say what failed', async () => {
    const threads = (): string => /^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
    const before = threads();
    await expect(
      native.runLiveFrames({ ...options, programFd: object.program('pass').fd, repeat: 1, ifindex: 12345 }),
    ).rejects.toMatchObject({ code: 'ENODEV', syscall: 'BPF_PROG_TEST_RUN (live frames)' });
    await expect(
      native.runLiveFrames({ ...options, programFd: object.program('pass').fd, repeat: 1, cpu: 1000 }),
    ).rejects.toMatchObject({ code: 'EINVAL', syscall: 'sched_setaffinity' });
    await expect(native.runLiveFrames({ ...options, programFd: 99999, repeat: 1 })).rejects.toMatchObject({
      code: 'EBADF',
    });
    expect(() => native.runLiveFrames({ ...options, programFd: 1, repeat: 0 })).toThrow('options.repeat');
    expect(threads()).toBe(before);
  });
});
