/** Requests, answers and dumps over a socket that the test plays. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { NetlinkSocketOptions } from '../../../src/native.js';
import { NetlinkClient } from '../../../src/kernel/netlink/client.js';
import { NLM_F_ACK, NLM_F_DUMP_INTR } from '../../../src/kernel/netlink/constants.js';
import { readAcknowledgement } from '../../../src/kernel/netlink/error.js';
import { readMessages, type NetlinkMessage, type NetlinkRequest } from '../../../src/kernel/netlink/message.js';

const PORT = 4711;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

/** Answers of a Linux 6.18, with header: one refused with words, one plain. */
const REFUSED =
  '400000000200000309000000192d0000eaffffff3000000068000506090000000000000019000100496e76616c69642064657669636520696e64657800000000';
const ACCEPTED = '24000000020000010a000000192d000000000000240000001d0005000a00000000000000';

let socket: NetlinkSocketOptions;
let sent: NetlinkMessage[][];
let client: NetlinkClient;
let notified: NetlinkMessage[];

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  notified = [];
  client = new NetlinkClient(
    (options) => {
      socket = options;
      return {
        portId: PORT,
        send: (bytes) => void sent.push([...readMessages(Buffer.from(bytes))]),
        joinGroup: () => undefined,
        close: () => undefined,
      };
    },
    { protocol: 0, onNotification: (message) => void notified.push(message) },
  );
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const request: NetlinkRequest = { type: 24, flags: 0x400, body: (writer) => void writer.attributeU32(1, 7) };

function message(type: number, sequence: number, payload = Buffer.alloc(0), flags = 0, portId = PORT): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + payload.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence, 8);
  header.writeUInt32LE(portId, 12);
  return Buffer.concat([header, payload]);
}

function answer(sequence: number, errno: number): void {
  const payload = Buffer.alloc(20);
  payload.writeInt32LE(-errno, 0);
  socket.onMessages(message(NLMSG_ERROR, sequence, payload));
}

describe('batches', () => {
  test('leave in one send, and only the last message asks for an answer', async () => {
    const done = client.execute([request, request, request]);
    expect(sent).toHaveLength(1);
    expect(sent[0]!.map(({ flags }) => (flags & NLM_F_ACK) !== 0)).toEqual([false, false, true]);
    answer(sent[0]![2]!.sequence, 0);
    expect(await done).toEqual([null, null, null]);
  });

  test('give each request its own error', async () => {
    const done = client.execute([request, request, request]);
    answer(sent[0]![1]!.sequence, 17);
    answer(sent[0]![2]!.sequence, 0);
    expect((await done).map((error) => error?.code ?? null)).toEqual([null, 'EEXIST', null]);
  });

  test('of many messages go in slices, each after the answer to the one before', async () => {
    const done = client.execute(Array.from({ length: 600 }, () => request));
    for (let slice = 0; slice < 3; slice++) {
      expect(sent).toHaveLength(slice + 1);
      answer(sent[slice]!.at(-1)!.sequence, 0);
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(await done).toHaveLength(600);
  });

  test('that are never answered end with ETIMEDOUT', async () => {
    const done = client.execute([request]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await done)[0]!.code).toBe('ETIMEDOUT');
  });

  test('whose answers are lost end with ENOBUFS', async () => {
    const done = client.execute([request]);
    socket.onError('ENOBUFS');
    expect((await done)[0]!.code).toBe('ENOBUFS');
  });
});

describe('dumps', () => {
  const types = (): Promise<number[]> => client.dumpAll(request, ({ type }) => type);

  test('collect the parts that answer them, and nothing else', async () => {
    const found = types();
    const { sequence } = sent[0]![0]!;
    socket.onMessages(Buffer.concat([message(24, sequence), message(25, sequence, undefined, 0, 99), message(26, 0)]));
    socket.onMessages(Buffer.concat([message(27, sequence), message(NLMSG_DONE, sequence, Buffer.alloc(4))]));
    expect(await found).toEqual([24, 27]);
    expect(notified.map(({ type }) => type)).toEqual([25, 26]);
  });

  test('that were interrupted start again and forget what they had', async () => {
    const found = types();
    const first = sent[0]![0]!.sequence;
    socket.onMessages(Buffer.concat([message(24, first, undefined, NLM_F_DUMP_INTR), message(NLMSG_DONE, first)]));
    const second = sent[1]![0]!.sequence;
    socket.onMessages(Buffer.concat([message(26, second), message(NLMSG_DONE, second)]));
    expect(await found).toEqual([26]);
  });

  test('start again after an overrun', async () => {
    const found = types();
    const first = sent[0]![0]!.sequence;
    socket.onMessages(message(24, first));
    socket.onError('ENOBUFS');
    socket.onMessages(message(NLMSG_DONE, first));
    socket.onMessages(message(NLMSG_DONE, sent[1]![0]!.sequence));
    expect(await found).toEqual([]);
  });

  test('that are interrupted for ever are given up', async () => {
    const found = types().catch((error: unknown) => error);
    for (let attempt = 0; attempt < 8; attempt++) {
      socket.onMessages(message(NLMSG_DONE, sent[attempt]![0]!.sequence, undefined, NLM_F_DUMP_INTR));
    }
    expect(await found).toMatchObject({ code: 'EINTR' });
    expect(sent).toHaveLength(8);
  });

  test('run one after the other', async () => {
    const [first, second] = [types(), types()];
    expect(sent).toHaveLength(1);
    socket.onMessages(message(NLMSG_DONE, sent[0]![0]!.sequence));
    await first;
    socket.onMessages(message(NLMSG_DONE, sent[1]![0]!.sequence));
    expect(await second).toEqual([]);
  });

  test('that fall silent end with ETIMEDOUT', async () => {
    const found = types().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(4_000);
    socket.onMessages(message(24, sent[0]![0]!.sequence));
    await vi.advanceTimersByTimeAsync(4_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await found).toMatchObject({ code: 'ETIMEDOUT' });
  });

  test('end with the error that comes with their end', async () => {
    const found = types().catch((error: unknown) => error);
    const payload = Buffer.alloc(4);
    payload.writeInt32LE(-2);
    socket.onMessages(message(NLMSG_DONE, sent[0]![0]!.sequence, payload));
    expect(await found).toMatchObject({ code: 'ENOENT' });
  });
});

test('an error says what the kernel said', () => {
  const [refused] = [...readMessages(Buffer.from(REFUSED, 'hex'))];
  expect(readAcknowledgement(refused!)!.message).toBe('EINVAL: Invalid device index');
  const [accepted] = [...readMessages(Buffer.from(ACCEPTED, 'hex'))];
  expect(readAcknowledgement(accepted!)).toBe(null);
});

test('a datagram cut off anywhere yields only whole messages', () => {
  const whole = Buffer.concat([Buffer.from(REFUSED, 'hex'), Buffer.from(ACCEPTED, 'hex')]);
  for (let length = 0; length <= whole.length; length++) {
    const count = [...readMessages(whole.subarray(0, length))].length;
    expect(count).toBe(length < 64 ? 0 : length < 100 ? 1 : 2);
  }
});

test('closing ends what is under way', async () => {
  const [batch, dump] = [client.execute([request]), client.dumpAll(request, () => 1).catch((error: unknown) => error)];
  client.close();
  expect((await batch)[0]!.code).toBe('ECANCELED');
  expect(await dump).toMatchObject({ code: 'ECANCELED' });
});
