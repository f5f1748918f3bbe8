import { expect, test } from 'vitest';
import { NameIndex } from '../../../src/controller/ids.js';
import { forwardingIntent } from '../../../src/controller/intents.js';
import type { KernelLink, PortIntent } from '../../../src/controller/ports.js';
import { configOf } from '../../helpers/config.js';
import { link, viewOf } from '../../helpers/fake-planes.js';

const config = configOf('uplinks: {a: {interface: eth1, gateway: {ipv4: 10.0.1.1}}}');

function portOf(change: Partial<KernelLink>): PortIntent | undefined {
  const view = { ...viewOf(1, []), links: new Map([[2, { ...link(2, 'eth1'), ...change }]]) };
  const names = { uplinkIndex: new NameIndex(), groupIndex: new NameIndex() };
  return forwardingIntent({ config, view, facts: [], groups: [], paths: [], ...names }).ports[0];
}

test.each([
  { says: true, redirectFragmentsOk: true },
  { says: false, redirectFragmentsOk: false },
  { says: null, redirectFragmentsOk: false },
])('frames of several buffers are redirected to a port only where the kernel says yes: $says', (row) => {
  expect(portOf({ xdpRedirectFragments: row.says })).toMatchObject({
    redirectOk: true,
    redirectFragmentsOk: row.redirectFragmentsOk,
  });
});
