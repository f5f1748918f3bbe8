import { expect, test } from 'vitest';
import { BypassLog } from '../../../src/controller/bypass-log.js';
import type { KernelView, NetfilterHook } from '../../../src/controller/ports.js';
import { configOf } from '../../helpers/config.js';
import { viewOf } from '../../helpers/fake-planes.js';

const config = configOf('uplinks: {a: {interface: eth1}}');
const hook: NetfilterHook = { family: 4, text: 'nft table ip t, chain c (forward)', translates: false, devices: null };
const ruled = { ...viewOf(1), netfilter: [hook] };
const without = viewOf(1);

function logged(...views: KernelView[]): string[] {
  const lines: string[] = [];
  const log = new BypassLog((level, text) => lines.push(`${level} ${text.split(', which')[0]}`));
  for (const view of views) log.note(config, view);
  return lines;
}

test('what is found at the start is not told here', () => {
  expect(logged(ruled, ruled)).toEqual([]);
});

test('what comes and goes is told once', () => {
  const text = 'the stack forwards for eth1: nft table ip t, chain c (forward)';
  expect(logged(without, ruled, ruled, without, without)).toEqual([`warn ${text}`, `info no longer: ${text}`]);
});
