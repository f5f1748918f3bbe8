/** The addon's netlink socket: dump, events, acknowledgements and overruns, in a namespace of its own. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { native, type NetlinkSocket, type NetlinkSocketOptions } from '../../src/native.js';
import { NamedNetns } from '../helpers/named-netns.js';
import { until } from '../helpers/poll.js';

const NETLINK_ROUTE = 0;
const RTNLGRP_LINK = 1;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;

let netns: NamedNetns;
const open: NetlinkSocket[] = [];

beforeAll(() => {
  netns = new NamedNetns('nl');
});
afterEach(() => open.splice(0).forEach((socket) => socket.close()));
afterAll(() => netns?.remove());

interface Message {
  type: number;
  sequence: number;
  payload: Buffer;
}

function parse(datagram: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at + 16 <= datagram.length;) {
    const length = datagram.readUInt32LE(at);
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      sequence: datagram.readUInt32LE(at + 8),
      payload: datagram.subarray(at + 16, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

function linkRequest(flags: number, sequence: number, ifindex = 0): Buffer {
  const request = Buffer.alloc(32);
  request.writeUInt32LE(32, 0);
  request.writeUInt16LE(RTM_GETLINK, 4);
  request.writeUInt16LE(NLM_F_REQUEST | flags, 6);
  request.writeUInt32LE(sequence, 8);
  request.writeInt32LE(ifindex, 20);
  return request;
}

function openSocket(options: Partial<NetlinkSocketOptions> = {}): {
  socket: NetlinkSocket;
  messages: Message[];
  errors: string[];
} {
  const messages: Message[] = [];
  const errors: string[] = [];
  const socket = native.openNetlink({
    protocol: NETLINK_ROUTE,
    netns: netns.path,
    onMessages: (datagram) => void messages.push(...parse(datagram)),
    onError: (code) => void errors.push(code),
    ...options,
  });
  open.push(socket);
  return { socket, messages, errors };
}

describe('a netlink socket', () => {
  test('dumps the links of the namespace that it was opened in, not those of the process', async () => {
    const { socket, messages } = openSocket();
    expect(socket.portId).toBeGreaterThan(0);
    socket.send(linkRequest(NLM_F_DUMP, 7));
    await until(() => messages.some(({ type }) => type === NLMSG_DONE), { what: 'the end of the dump' });
    const links = messages.filter(({ type }) => type === RTM_NEWLINK);
    const known = JSON.parse(netns.ip('-json link show')) as unknown[];
    expect(links).toHaveLength(known.length);
    expect(messages.every(({ sequence }) => sequence === 7)).toBe(true);
  });

  test('takes several requests in one buffer and answers each', async () => {
    const { socket, messages } = openSocket();
    socket.send(Buffer.concat([1, 2, 3].map((sequence) => linkRequest(NLM_F_ACK, sequence, 1))));
    await until(() => messages.filter(({ type }) => type === NLMSG_ERROR).length === 3, { what: 'three answers' });
    expect(messages.filter(({ type }) => type === RTM_NEWLINK).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    for (const { type, payload } of messages) if (type === NLMSG_ERROR) expect(payload.readInt32LE(0)).toBe(0);
  });

  test('tells of a link that comes and goes, for groups at opening and joined later', async () => {
    const early = openSocket({ groups: [RTNLGRP_LINK] });
    const late = openSocket();
    late.socket.joinGroup(RTNLGRP_LINK);
    netns.ip('link add seen type veth peer name unseen');
    netns.ip('link del seen');
    for (const { messages } of [early, late]) {
      await until(() => messages.filter(({ type }) => type === RTM_DELLINK).length === 2, { what: 'both ends gone' });
      expect(messages.some(({ type }) => type === RTM_NEWLINK)).toBe(true);
    }
  });

  test('says ENOBUFS when it could not keep up, and goes on receiving', async () => {
    const { messages, errors } = openSocket({ groups: [RTNLGRP_LINK], receiveBufferBytes: 1 });
    /* Not awaited: this process does not read meanwhile. */
    for (let i = 0; i < 4; i++) {
      netns.ip(`link add burst${i} type veth peer name peer${i}`);
      netns.ip(`link del burst${i}`);
    }
    await until(() => errors.includes('ENOBUFS'), { what: 'ENOBUFS' });
    await new Promise((resolve) => setImmediate(resolve));
    messages.length = 0;
    netns.ip('link add after type veth peer name afterwards');
    await until(() => messages.length > 0, { what: 'a message after the overrun' });
    netns.ip('link del after');
  });

  test('survives a callback that throws and one that closes it', async () => {
    const uncaught: unknown[] = [];
    const previous = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      let calls = 0;
      const { socket } = openSocket({
        onMessages: () => {
          calls++;
          socket.close();
          throw new Error('from the callback');
        },
      });
      socket.send(linkRequest(NLM_F_DUMP, 1));
      await until(() => uncaught.length > 0, { what: 'the uncaught exception' });
      expect(String(uncaught[0])).toContain('from the callback');
      expect(calls).toBe(1);
      expect(() => socket.send(linkRequest(NLM_F_DUMP, 2))).toThrow('EBADF');
      socket.close();
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of previous) process.on('uncaughtException', listener);
    }
  });

  test('names the option that is wrong, and what the kernel refused', () => {
    const opening = (options: object) => () => openSocket(options);
    expect(opening({ protocol: 'route' })).toThrow('options.protocol must be an integer');
    expect(opening({ groups: 1 })).toThrow('options.groups must be an array');
    expect(opening({ groups: [0] })).toThrow('options.groups[] must be an integer from 1');
    expect(opening({ onMessages: undefined })).toThrow('options.onMessages must be a function');
    expect(opening({ netns: '/run/netns/none' })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(opening({ netns: '/etc/hostname' })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(opening({ protocol: 31 })).toThrow(
      expect.objectContaining({ code: 'EPROTONOSUPPORT', syscall: 'socket(AF_NETLINK)' }),
    );
    expect(opening({ groups: [9999] })).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'setsockopt(NETLINK_ADD_MEMBERSHIP)' }),
    );
    expect(() => openSocket().socket.send('text' as never)).toThrow('messages must be a Uint8Array');
  });
});
