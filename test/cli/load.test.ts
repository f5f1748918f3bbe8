/** `detour load` where an interface does not take the program. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compileBpf, type CompiledBpf } from '../helpers/compile-bpf.js';
import { RouterNetns } from '../helpers/router-netns.js';

let router: RouterNetns;
let other: CompiledBpf;
beforeEach(() => {
  router = new RouterNetns();
  other = compileBpf('SEC("xdp") int pass(struct xdp_md *context) { return XDP_PASS; }');
});
afterEach(async () => {
  await router.remove();
  other.remove();
});

test('load says which interface carries somebody else’s program, attaches to the others, and fails', async () => {
  router.netns.ip(`link set peer0 xdpgeneric object ${other.path} section xdp`);
  const { pinPath } = router.config();
  const load = router.detour(['load', 'wan0', 'peer0', '--pin-path', pinPath]);
  expect(await load.exit, load.output()).toBe(1);
  expect(load.output()).toMatch(/^wan0: attached in native mode/m);
  expect(load.output()).toMatch(
    /^peer0: not attached \(peer0: the XDP program "pass" \(id \d+\) of somebody else .*"ip link set dev peer0 xdpgeneric off"/m,
  );
  const unload = router.detour(['unload', '--pin-path', pinPath]);
  expect(await unload.exit, unload.output()).toBe(0);
  router.netns.ip('link set peer0 xdpgeneric off');
  const again = router.detour(['load', 'wan0', 'peer0', '--pin-path', pinPath]);
  expect(await again.exit, again.output()).toBe(0);
});
