/** Whether devices take redirected frames, found by trying as kernels before 6.3 need it. */
import { describe, expect, test } from 'vitest';
import { NextHopFlag } from '../../src/abi/index.js';
import type { PortIntent } from '../../src/controller/ports.js';
import { RedirectCapability } from '../../src/dataplane/redirect-capability.js';
import { RedirectTrial } from '../../src/dataplane/redirect-trial.js';
import { native } from '../../src/native.js';
import { intent, nextHopRow, openPlane, port, useDataplaneWorld } from '../helpers/dataplane.js';
import { ifindexOf, ip } from '../helpers/own-netns.js';

useDataplaneWorld();

/** From 6.3 on a veth has ndo_xdp_xmit only while its peer runs NAPI: the program at the far end makes it so. */
const makeReady = (peer: string): string => ip(`link set dev ${peer} xdpdrv obj build/bpf/pass.bpf.o sec xdp.frags`);
const untold = (name: string): PortIntent => ({ ...port(name), redirectUntold: true });
const receivedBytes = (name: string): number => {
  const [link] = JSON.parse(ip(`-s -json link show dev ${name}`)) as { stats64: { rx: { bytes: number } } }[];
  return link?.stats64.rx.bytes ?? NaN;
};

describe('a trial', () => {
  test('tells a device that takes redirected frames from one that does not, and sends nothing', async () => {
    makeReady('dt1');
    const before = receivedBytes('dt1');
    const trial = RedirectTrial.open(native);
    try {
      expect(await trial.ask(ifindexOf('dt0'))).toBe('taken');
      expect(await trial.ask(ifindexOf('lo'))).toBe('refused');
      expect(await trial.ask(ifindexOf('dt0'))).toBe('taken');
    } finally {
      trial.close();
    }
    // IPv6 may say a word of its own meanwhile; a trial's frame alone has 3000 bytes.
    expect(receivedBytes('dt1') - before).toBeLessThan(3000);
  });

  test('needs no carrier: a device that is down answers, too', async () => {
    makeReady('dt3');
    ip('link set dt2 down');
    const trial = RedirectTrial.open(native);
    try {
      expect(await trial.ask(ifindexOf('dt2'))).toBe('taken');
    } finally {
      trial.close();
      ip('link set dt2 up');
    }
  });
});

describe('a port of which the kernel does not say', () => {
  const refusing = () => ({ ask: () => Promise.resolve('refused' as const), close: () => undefined });

  test('is asked about once, and has its answer in the port and in its status', async () => {
    let opened = 0;
    const capability = new RedirectCapability(native, () => {
      opened++;
      return refusing();
    });
    const ports = [untold('dt0'), port('dt2')];
    for (let pass = 0; pass < 2; pass++) {
      expect((await capability.complete(ports)).map(({ redirectOk }) => redirectOk)).toEqual([false, true]);
    }
    expect(opened).toBe(1);
    expect(capability.explain({ ifindex: ifindexOf('dt0'), name: 'dt0', xdp: 'native', reason: null })).toMatchObject({
      reason: 'dt0 takes no redirected frames (no ndo_xdp_xmit): packets to it go through the stack',
      redirectRefused: true,
    });
  });

  test('is taken to be able when asking is not possible, and its status says so', async () => {
    const capability = new RedirectCapability(native, () => {
      throw new Error('EPERM');
    });
    expect(await capability.complete([untold('dt0')])).toMatchObject([{ redirectOk: true }]);
    const status = capability.explain({ ifindex: ifindexOf('dt0'), name: 'dt0', xdp: 'generic', reason: 'slow' });
    expect(status.reason).toBe('slow; whether dt0 takes redirected frames is not known: EPERM');
  });

  test('is served by the stack in the program’s tables when it refuses', async () => {
    const plane = openPlane();
    const wanted = intent();
    const loopback: PortIntent = { ifindex: ifindexOf('lo'), name: 'lo', redirectOk: true, redirectUntold: true };
    const [first] = wanted.interfaces;
    if (!first) throw new Error('no interface');
    const report = await plane.apply({
      ...wanted,
      ports: [...wanted.ports, loopback],
      interfaces: [...wanted.interfaces, { ...first, name: 'lo', ifindex: loopback.ifindex, portIfindex: 1 }],
      nextHops: [...wanted.nextHops, { id: 9, ifindex: loopback.ifindex, gatewayMac: first.mac, redirectOk: true }],
    });
    expect(report.ports.find(({ name }) => name === 'lo')).toMatchObject({ redirectRefused: true });
    expect(nextHopRow(9).hop.flags & NextHopFlag.REDIRECT_OK).toBe(0);
    expect(nextHopRow(1).hop.flags & NextHopFlag.REDIRECT_OK).not.toBe(0);
  });
});
