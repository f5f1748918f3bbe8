/** One controller in a network namespace and one at a directory of pins, whatever their configurations say. */
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RouterNetns, type RouterProcess } from '../helpers/router-netns.js';

const routers: RouterNetns[] = [];
let router: RouterNetns;
const makeRouter = (): RouterNetns => {
  const made = new RouterNetns();
  routers.push(made);
  return made;
};
beforeEach(() => void (router = makeRouter()));
afterEach(async () => {
  for (const made of routers.splice(0)) await made.remove();
});

async function refusal(attempt: RouterProcess): Promise<string> {
  expect(await attempt.exit, attempt.output()).toBe(75);
  return attempt.output();
}

test.each(['active', 'observe'])(
  'a second controller of other socket and pins is refused in the same namespace, beside one in %s mode',
  async (mode) => {
    const first = await router.run(router.config(`mode: ${mode}`).file);
    const second = router.config('mode: observe');
    const text = await refusal(router.detour(['run', second.file]));
    expect(text).toContain(`another Detour is at work: process ${first.pid} holds this network namespace`);
    expect(existsSync(second.pinPath), 'nothing of the second was pinned').toBe(false);
    expect(existsSync(second.socket)).toBe(false);
    expect(first.child.exitCode).toBe(null);
    expect(await router.stop(first)).toBe(0);
    expect(await router.stop(await router.run(second.file))).toBe(0);
  },
);

test('a controller that was killed holds nothing', async () => {
  const first = await router.run(router.config().file);
  first.child.kill('SIGKILL');
  await first.exit;
  const second = await router.run(router.config().file);
  expect(await router.stop(second)).toBe(0);
});

test('controllers of two namespaces run side by side, but not with the same pins', async () => {
  const other = makeRouter();
  const here = router.config();
  const first = await router.run(here.file);
  const second = await other.run(other.config().file);
  expect(await other.stop(second)).toBe(0);
  const text = await refusal(other.detour(['run', other.config('', { pinPath: `${here.pinPath}/` }).file]));
  expect(text).toContain(`process ${first.pid} holds the pins at ${here.pinPath}`);
});

test('load and unload leave a running controller alone', async () => {
  const { file, pinPath } = router.config();
  const first = await router.run(file);
  const elsewhere = router.config().pinPath;
  expect(await refusal(router.detour(['load', 'wan0', '--pin-path', elsewhere]))).toContain(`process ${first.pid}`);
  // From another namespace, as an operator's shell may be.
  const other = makeRouter();
  expect(await refusal(other.detour(['unload', '--pin-path', pinPath]))).toContain(`process ${first.pid}`);
  expect(await router.stop(first)).toBe(0);
  const load = router.detour(['load', 'wan0', '--pin-path', elsewhere]);
  expect(await load.exit, load.output()).toBe(0);
  // What load left attached is no controller.
  const unload = router.detour(['unload', '--pin-path', elsewhere]);
  expect(await unload.exit, unload.output()).toBe(0);
});
