/** Two machines that are router and node both, each paired with the other in both roles: they help each other, never in a circle. */
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ControllerProcess } from '../../../src/lab/controller-process.js';
import { LabProcess } from '../../../src/lab/lab-process.js';
import { sh } from '../../../src/lab/shell.js';
import {
  FAR_IPV4,
  FAR_IPV6,
  FAR_TARGETS_IPV4,
  FAR_TARGETS_IPV6,
  LAN_INTERFACE,
  NODE_CELL_INTERFACE,
  NODE_LAN_INTERFACE,
  cellInterface,
} from '../../../src/lab/topology.js';
import { Home } from '../../helpers/gateway/home.js';

const PIN_PATH = `/sys/fs/bpf/detour-mutual-${process.pid}`;
const TARGETS = [...FAR_TARGETS_IPV4, ...FAR_TARGETS_IPV6.map((address) => `"${address}"`)].join(', ');

let home: Home;
let phone: ControllerProcess | undefined;
let agent: LabProcess | undefined;
/** The steps in which each was seen to send to the other. */
let circles: string[];
let log: string;

const inHome = (name: string): string => join(dirname(home.rig.configFile), name);

beforeEach(async () => {
  circles = [];
  log = '';
  home = new Home({ tag: 'mutual' });
  await home.start();
});

afterEach(async () => {
  await agent?.stop();
  await phone?.stop();
  await home.destroy();
  rmSync(PIN_PATH, { recursive: true, force: true });
});

/** The phone as a router with one uplink, its modem. */
function phoneConfig(): string {
  return `uplinks:
  modem:
    interface: ${NODE_CELL_INTERFACE}
    gateway: {ipv4: 10.66.0.2, ipv6: "2001:db8:66::2"}
    hold_down_ms: 500
    damping: {enabled: false}
    probes: [{type: icmp, targets: [${TARGETS}], interval_ms: 20, fail_after: 3}]
interfaces: [${NODE_LAN_INTERFACE}]
gateways:
  interfaces: [${NODE_LAN_INTERFACE}]
  state_directory: ${home.rig.nodeState(0)}
dataplane: {pin_path: ${PIN_PATH}}
api: {socket: ${inHome('phone.sock')}}
`;
}

/** The home's router as a node; its way out is wherever its routes lead. */
function routerNodeConfig(): string {
  return `name: home
interfaces: [${LAN_INTERFACE}]
backhaul: {targets: [${FAR_IPV4}, "${FAR_IPV6}"]}
state_directory: ${home.rig.routerState}
`;
}

async function startOtherHalf(): Promise<void> {
  const { rig } = home;
  writeFileSync(inHome('phone-router.yaml'), phoneConfig());
  writeFileSync(inHome('router-node.yaml'), routerNodeConfig());
  const line = rig.detour(['gateways', 'pair', 'home', '--config', inHome('phone-router.yaml')]);
  rig.detour(['gateway', 'join', '--config', inHome('router-node.yaml')], line);
  const { namespace } = rig.lab.nodes[0]!;
  for (const key of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'])
    sh('ip', 'netns', 'exec', namespace, 'sysctl', '-qw', `${key}=1`);
  phone = await ControllerProcess.start({
    namespace,
    configFile: inHome('phone-router.yaml'),
    socket: inHome('phone.sock'),
    onLine: (text) => (log += `phone's router: ${text}\n`),
  });
  // Its own, by hand, would be preferred to Detour's.
  for (const family of ['-4', '-6'])
    sh('ip', '-n', namespace, family, 'route', 'del', 'default', 'dev', NODE_CELL_INTERFACE, 'proto', 'boot');
  agent = new LabProcess({
    namespace: rig.lab.names.router,
    args: ['gateway', 'run', inHome('router-node.yaml')],
    onLine: (text) => (log += `router's node: ${text}\n`),
  });
}

async function activeOf(controller: ControllerProcess): Promise<string[]> {
  const { body } = await controller.call('GET', '/v1/groups');
  const { groups } = body as { groups: { family: number; active: string[] }[] };
  return groups.map(({ family, active }) => `IPv${family} ${active.join()}`);
}

/** Polls until it is so, and notes whenever both send to each other. */
async function until(what: string, so: (home: string[], phone: string[]) => boolean): Promise<void> {
  await home
    .until(what, async () => {
      const [router, other] = [await activeOf(home.rig.controller), await activeOf(phone!)];
      for (const family of ['IPv4', 'IPv6'])
        if (router.includes(`${family} gw-phone`) && other.includes(`${family} gw-home`)) circles.push(what);
      return so(router, other);
    })
    .catch((error: unknown) => {
      throw new Error(`${String(error)}\n${log}`);
    });
}

const every = (uplink: string) => (active: string[]) =>
  active.length === 2 && active.every((text) => text.endsWith(` ${uplink}`));

const modem = (state: 'up' | 'down'): void => {
  const { far } = home.rig.lab.names;
  sh('ip', '-n', far, 'link', 'set', cellInterface(0), state);
  if (state === 'up') sh('ip', '-n', far, 'address', 'replace', '2001:db8:66::2/64', 'dev', cellInterface(0), 'nodad');
};

async function phoneNeeds(): Promise<{ active: number[]; state: string; why: string }> {
  const { body } = await phone!.call('GET', '/v1/gateways');
  const { need, gateways } = body as { need: { active: number[] }; gateways: { state: string; why: string }[] };
  return { active: need.active, state: gateways[0]!.state, why: gateways[0]!.why };
}

test('two machines help each other in turn, and not both at once', async () => {
  const { lab } = home.rig;
  await startOtherHalf();
  await until('an offer of the home', () => log.includes('gateway node home absent -> offered'));
  await until('both by their own lines', (a, b) => every('line')(a) && every('modem')(b));

  lab.cutLink(0);
  await until('the home by the phone', every('gw-phone'));
  await home.reaches(0);

  modem('down');
  await until('the phone is without a modem', () => log.includes('modem IPv6 up -> down'));
  await home.until('a need of the phone', async () => (await phoneNeeds()).active.length === 2);
  await until('the home has given the phone up', () => home.log.includes('elected -> releasing'));
  expect((await phoneNeeds()).state).not.toBe('elected');

  lab.restoreLink(0);
  await until('the home by its line, the phone by the home', (a, b) => every('line')(a) && every('gw-home')(b));
  sh('ip', 'netns', 'exec', lab.nodes[0]!.namespace, 'ping', '-c', '3', '-i', '0.2', '-W', '5', FAR_IPV4);

  modem('up');
  await until('both by their own lines again', (a, b) => every('line')(a) && every('modem')(b));
  expect(circles).toEqual([]);
});
