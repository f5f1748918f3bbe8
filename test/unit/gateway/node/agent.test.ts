/** The agent between the pure machine and the world: what it asks for, in which order, and what it tells. */
import { describe, expect, it } from 'vitest';
import { defaultNodeConfig } from '../../../../src/config/gateway-node/index.js';
import { IpAddress } from '../../../../src/net/ip-address.js';
import { Prefix } from '../../../../src/net/prefix.js';
import {
  AgentRig,
  LAN,
  originOn,
  ROUTER,
  SECOND_US,
  settled,
  SHED,
  works,
} from '../../../helpers/gateway/agent-rig.js';
import { pairingWith } from '../../../helpers/gateway/link-rig.js';
import { testId, testKey } from '../../../helpers/gateway/messages.js';

const gatewaysIn = (message: { families: { gateway: IpAddress }[] }): string[] =>
  message.families.map(({ gateway }) => gateway.toString());

describe('an offer', () => {
  it('names on each interface the address there, and only families that are there', async () => {
    const rig = new AgentRig();
    rig.interfaces = [LAN, SHED];
    await rig.start();
    expect(rig.said('advertise').map(({ to, message }) => [to?.ifname, ...gatewaysIn(message)])).toEqual([
      ['lan0', '192.0.2.7', 'fe80::7'],
      ['shed0', '198.51.100.7'],
    ]);
    // By IPv6 where the interface has an address for that.
    expect(rig.said('advertise').map(({ to }) => to?.address.toString())).toEqual(['ff12::6868', '239.255.68.68']);
  });

  it('goes to everybody in one message where there is one interface', async () => {
    const rig = await new AgentRig().start();
    expect(rig.said('advertise')).toMatchObject([{ to: null, message: { name: 'host' } }]);
  });

  it('is of the families that work, and ends with the last', async () => {
    const rig = await new AgentRig().start();
    rig.backhaul = [works(4), { ...works(6), state: 'bad' }];
    rig.backhaulChanged();
    // At once, but not sooner than 50 ms after the last one.
    await rig.pass(50_000);
    expect(
      rig
        .said('advertise')
        .at(-1)!
        .message.families.map(({ family }) => family),
    ).toEqual([4]);
    rig.backhaul = [{ ...works(4), state: 'bad' }];
    rig.backhaulChanged();
    expect(rig.said('withdraw')).toMatchObject([{ message: { reason: { code: 'backhaul' } } }]);
    expect(rig.agent.status().state).toBe('hindered');
  });

  describe('where targets are named', () => {
    const { backhaul } = defaultNodeConfig();
    const target = { kind: 'tcp', address: IpAddress.parse('203.0.113.1'), port: 443 } as const;
    const asked = { backhaul: { ...backhaul, targets: [target] } };
    const unjudged = (family: 4 | 6) => ({ ...works(family), state: 'unknown' }) as const;
    const offered = (rig: AgentRig) =>
      rig.said('advertise').map(({ message }) => message.families.map((each) => each.family));

    it('waits for the first answer, and withdraws nothing meanwhile', async () => {
      const rig = new AgentRig(asked);
      rig.backhaul = [unjudged(4), unjudged(6)];
      await rig.start();
      await rig.pass();
      expect(rig.sent).toEqual([]);
      expect(rig.agent.status()).toMatchObject({ state: 'hindered', obstacle: { text: 'not checked yet' } });
      rig.backhaul = [works(4), unjudged(6)];
      rig.backhaulChanged();
      expect(offered(rig)).toEqual([[4]]);
    });

    it('goes on when the way out becomes another one, until that is found bad', async () => {
      const rig = await new AgentRig(asked).start();
      rig.backhaul = [unjudged(4)];
      rig.backhaulChanged();
      await rig.pass();
      expect(offered(rig).at(-1)).toEqual([4]);
      rig.backhaul = [{ ...works(4), state: 'bad' }];
      rig.backhaulChanged();
      rig.backhaul = [unjudged(4)];
      rig.backhaulChanged();
      const before = offered(rig).length;
      await rig.pass();
      expect([offered(rig).length, rig.agent.status().state]).toEqual([before, 'hindered']);
    });

    it('of a family that had no way out at all begins with an answer', async () => {
      const rig = await new AgentRig(asked).start();
      for (const paths of [[works(4)], [works(4), unjudged(6)]]) {
        rig.backhaul = paths;
        rig.backhaulChanged();
      }
      await rig.pass();
      expect(offered(rig).at(-1)).toEqual([4]);
    });
  });

  it('ends while the battery is too low, unless it is charged', async () => {
    const rig = await new AgentRig({ minimumBatteryPercent: 30 }).start();
    rig.power = { batteryPercent: 29, charging: false };
    await rig.pass();
    expect(rig.said('withdraw')[0]!.message.reason).toEqual({ code: 'battery', text: '29 %, less than 30 %' });
    rig.power = { batteryPercent: 29, charging: true };
    const before = rig.said('advertise').length;
    await rig.pass();
    expect(rig.said('advertise').length).toBeGreaterThan(before);
  });

  it('is not made while no interface is there, and the log says why once', async () => {
    const rig = new AgentRig();
    rig.interfaces = [];
    await rig.start();
    await rig.pass(3 * SECOND_US);
    expect(rig.said('advertise')).toEqual([]);
    expect(rig.log.filter((line) => line.includes('nothing is offered'))).toEqual([
      'info nothing is offered: lan0, shed0 is not there, or has no address',
    ]);
  });

  it('is not made while nft is missing, which the log warns of once, and made once it is there', async () => {
    const rig = new AgentRig();
    rig.lacking = 'the program nft is missing';
    await rig.start();
    await rig.pass(3 * SECOND_US);
    expect(rig.said('advertise')).toEqual([]);
    expect(rig.agent.status()).toMatchObject({ state: 'hindered', obstacle: { text: 'the program nft is missing' } });
    expect(rig.log).toEqual(['warn nothing is offered: the program nft is missing']);
    rig.lacking = null;
    await rig.pass();
    expect(rig.said('advertise')).toHaveLength(1);
    expect(rig.log.at(-1)).toBe('info offering IPv4 and IPv6 on lan0');
  });

  it('is for nobody without a pairing, and for a new one at once', async () => {
    const rig = new AgentRig();
    rig.pairings = [];
    await rig.start();
    expect(rig.sent).toEqual([]);
    expect(rig.agent.status().state).toBe('unpaired');
    rig.setPairings([pairingWith('home', [testKey('a')], ROUTER)]);
    expect(rig.said('advertise')).toHaveLength(1);
  });
});

describe('an election', () => {
  it('is accepted once the rules are in force, with the address on the link of the router', async () => {
    const rig = new AgentRig();
    rig.interfaces = [LAN, SHED];
    await rig.start();
    rig.elect({ origin: originOn(SHED, '198.51.100.1') });
    await settled();
    expect(rig.applying.at(-1)!.leases).toMatchObject([{ pairing: 'home', origin: { ifname: 'shed0' } }]);
    expect(rig.said('accept')).toEqual([]);
    expect(rig.agent.status()).toMatchObject({ state: 'arming', leases: [{ armed: false, address: '198.51.100.1' }] });
    await rig.applied();
    expect(rig.said('accept').map(({ message }) => gatewaysIn(message))).toEqual([['198.51.100.7']]);
    expect(rig.agent.status().state).toBe('elected');
  });

  it('is refused with what failed, and nothing stays', async () => {
    const rig = await new AgentRig().start();
    rig.elect();
    await settled();
    await rig.failed('nft: no such thing');
    expect(rig.said('refuse')[0]!.message.reason).toEqual({ code: 'arming-failed', text: 'nft: no such thing' });
    expect(rig.applying.at(-1)!.leases).toEqual([]);
    expect(rig.log).toContain('warn arming: nft: no such thing');
  });

  it('waits for what an earlier run left to be put back', async () => {
    const rig = new AgentRig();
    let fails = true;
    rig.restoring = async () => {
      if (fails) throw new Error('nft is busy');
      return ['nft delete table inet detour-gateway'];
    };
    rig.agent.start();
    await settled();
    expect(rig.applying).toEqual([]);
    fails = false;
    await rig.pass();
    expect(rig.applying).toHaveLength(1);
    expect(rig.log).toContain('warn left by an earlier run, and put back: nft delete table inet detour-gateway');
  });

  it('that was overtaken while rules were written is not carried out', async () => {
    const rig = await new AgentRig().start();
    rig.elect();
    await settled();
    const writing = rig.applying.length;
    rig.elect({ number: 2n });
    rig.elect({ number: 3n });
    await settled();
    expect(rig.applying).toHaveLength(writing);
    await rig.applied();
    expect(rig.applying).toHaveLength(writing + 1);
    expect(rig.applying.at(-1)!.leases.map(({ number }) => number)).toEqual([3n]);
    await rig.applied();
    expect(rig.said('accept').map(({ message }) => message.lease.number)).toEqual([3n]);
  });

  it('of a router through which this machine leaves is refused', async () => {
    const rig = await new AgentRig().start();
    rig.gateways = [IpAddress.parse('192.0.2.1')];
    rig.elect({ origin: originOn(LAN, '192.0.2.1') });
    expect(rig.said('refuse')[0]!.message.reason.code).toBe('loop');
    expect(rig.agent.status().leases).toEqual([]);
  });

  it('is refused where this machine leaves by an address of the router that it is not heard from', async () => {
    const rig = await new AgentRig().start();
    rig.gateways = [IpAddress.parse('192.0.2.1')];
    rig.elect({ origin: originOn(LAN, 'fe80::1'), clients: [Prefix.parse('192.0.2.1/32')] });
    expect(rig.said('refuse')[0]!.message.reason.code).toBe('loop');
    // What is behind a router is not the router.
    rig.gateways = [IpAddress.parse('198.51.100.1')];
    rig.elect({ origin: originOn(LAN, 'fe80::1'), number: 2n, clients: [Prefix.parse('198.51.100.0/24')] });
    expect(rig.said('refuse')).toHaveLength(1);
  });

  it('of a router through which the router of this machine leaves is refused, too', async () => {
    const rig = new AgentRig();
    rig.upstream = [testId('behind')];
    await rig.start();
    expect(rig.said('advertise')[0]!.message.path).toEqual([testId('behind')]);
    rig.elect();
    expect(rig.said('refuse')[0]!.message.reason.code).toBe('loop');
  });

  it('is told to the router of this machine, with whom it serves', async () => {
    const rig = await new AgentRig().start();
    rig.elect();
    expect(rig.served.at(-1)).toBe([ROUTER, testId('behind')].join());
    rig.release();
    expect(rig.served.at(-1)).toBe('');
  });

  it('with an echo of another epoch is counted, not answered', async () => {
    const rig = await new AgentRig().start();
    const before = rig.sent.length;
    rig.elect({ echo: 5n });
    expect(rig.discarded).toEqual(['echo']);
    expect(rig.sent).toHaveLength(before);
  });
});

async function elected(rig = new AgentRig()): Promise<AgentRig> {
  await rig.start();
  rig.elect();
  await settled();
  await rig.applied();
  expect(rig.said('accept')).toHaveLength(1);
  return rig;
}

describe('an elected agent', () => {
  it('answers RELEASE with what was carried to the end, once nothing is in force', async () => {
    const rig = await elected();
    rig.release();
    await settled();
    expect(rig.said('released')).toEqual([]);
    rig.usage = new Map([['home', { toNetworkBytes: 1000n, fromNetworkBytes: 5000n }]]);
    await rig.applied();
    expect(rig.said('released')[0]!.message.usage).toEqual({ toNetworkBytes: 1000n, fromNetworkBytes: 5000n });
    expect(rig.carried.at(-1)!.bytes).toBe(6000n);
  });

  it('makes its rules anew when the way out is another interface', async () => {
    const rig = await elected();
    const before = rig.applying.length;
    rig.backhaulChanged();
    expect(rig.applying).toHaveLength(before);
    rig.waysOut = { 4: 'usb0', 6: 'usb0' };
    rig.backhaulChanged();
    expect(rig.applying).toHaveLength(before + 1);
    expect(rig.applying.at(-1)!.leases).toHaveLength(1);
    await rig.applied();
    // The router is not answered twice.
    expect(rig.said('accept')).toHaveLength(1);
  });

  it('withdraws when the budget is used up', async () => {
    const budget = { bytes: 10_000n, per: 'month' } as const;
    const rig = await elected(new AgentRig({ cost: { preference: 1, metered: true, budget } }));
    expect(rig.said('advertise')[0]!.message.cost).toEqual({ preference: 1, metered: true, bytesLeft: 10_000n });
    rig.usage = new Map([['home', { toNetworkBytes: 4000n, fromNetworkBytes: 6000n }]]);
    await rig.pass();
    expect(rig.said('withdraw')[0]!.message).toMatchObject({ reason: { code: 'budget' }, lease: { number: 1n } });
    expect(rig.applying.at(-1)!.leases).toEqual([]);
  });

  it('withdraws and disarms when its pairing is removed, and then says nothing more', async () => {
    const rig = await elected();
    rig.setPairings([]);
    await settled();
    expect(rig.said('withdraw')).toMatchObject([
      { pairing: 'home', to: null, message: { reason: { code: 'owner' }, lease: { number: 1n, leftMs: 0 } } },
    ]);
    expect(rig.applying.at(-1)!.leases).toEqual([]);
    const said = rig.sent.length;
    await rig.applied();
    await rig.pass(5 * SECOND_US);
    expect(rig.sent).toHaveLength(said);
  });

  it('takes its offer back when a pairing is removed that has not elected it', async () => {
    const rig = await new AgentRig().start();
    rig.setPairings([]);
    expect(rig.said('withdraw')).toMatchObject([{ pairing: 'home', message: { reason: { code: 'owner' } } }]);
    expect(rig.said('withdraw')[0]!.message.lease).toBeUndefined();
  });

  it('withdraws and disarms when it is stopped, then is silent', async () => {
    const rig = await elected();
    const stopping = rig.agent.stop({ code: 'shutting-down', text: '' });
    await settled();
    expect(rig.said('withdraw')).toHaveLength(1);
    expect(rig.agent.status().state).toBe('stopping');
    expect(rig.armingClosed).toBe(0);
    await rig.applied();
    await rig.pass(300_000);
    expect(await stopping).toBeNull();
    expect(rig.armingClosed).toBe(1);
    expect(rig.said('withdraw')).toHaveLength(3);
    const before = rig.sent.length;
    await rig.pass(10 * SECOND_US);
    expect(rig.sent).toHaveLength(before);
    expect(rig.clock.pending).toBe(0);
  });

  it('says so when the rules cannot be taken back in time, and leaves the guardian on duty', async () => {
    const rig = await elected();
    const stopping = rig.agent.stop({ code: 'shutting-down', text: '' });
    await rig.pass(6 * SECOND_US);
    expect(await stopping).toBe('rules could not be taken back in time');
    expect(rig.armingClosed).toBe(0);
  });
});

describe('another configuration', () => {
  it('is told to routers at once, and the lease goes on', async () => {
    const rig = await elected();
    const applied = rig.applying.length;
    await rig.pass(100_000);
    const before = rig.said('advertise').length;
    rig.agent.configure({ ...rig.config, name: 'laptop', slots: 3, cost: { ...rig.config.cost, preference: 7 } });
    await rig.pass(50_000);
    const advertised = rig.said('advertise').slice(before).at(-1);
    expect(advertised!.message).toMatchObject({
      name: 'laptop',
      slots: { total: 3, used: 1 },
      cost: { preference: 7 },
    });
    expect(advertised!.message.lease).toMatchObject({ number: 1n });
    // Rules depend on it, too.
    expect(rig.applying.slice(applied).map(({ leases }) => leases.length)).toEqual([1]);
    await rig.applied();
    expect(rig.agent.status().state).toBe('elected');
    expect(rig.said('withdraw')).toEqual([]);
  });

  it('ends the lease when it leaves nothing to offer', async () => {
    const rig = await elected();
    rig.agent.configure({ ...rig.config, interfaces: ['other0'] });
    await settled();
    expect(rig.said('withdraw')).toMatchObject([{ message: { lease: { number: 1n } } }]);
    expect(rig.applying.at(-1)!.leases).toEqual([]);
  });

  it('with a larger budget makes an offer possible again; what was carried counts on', async () => {
    const budget = { bytes: 10_000n, per: 'month' } as const;
    const rig = await elected(new AgentRig({ cost: { preference: 1, metered: true, budget } }));
    rig.usage = new Map([['home', { toNetworkBytes: 4000n, fromNetworkBytes: 6000n }]]);
    await rig.pass();
    await rig.applied();
    await rig.pass();
    expect(rig.agent.status().state).toBe('hindered');
    const larger = { ...budget, bytes: 15_000n };
    rig.agent.configure({ ...rig.config, cost: { ...rig.config.cost, budget: larger } });
    await rig.pass();
    expect(rig.agent.status()).toMatchObject({ state: 'offering', budget: { usedBytes: '10000', leftBytes: '5000' } });
  });

  it('may turn round by which family offers are made where there are several interfaces', async () => {
    const rig = new AgentRig({ advertiseFamily: 4 });
    rig.interfaces = [LAN, SHED];
    await rig.start();
    expect(rig.said('advertise').map(({ to }) => to?.address.toString())).toEqual(['239.255.68.68', '239.255.68.68']);
  });
});
