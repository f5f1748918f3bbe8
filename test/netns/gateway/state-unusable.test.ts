/** What gateway nodes need on disk is damaged: that costs the nodes, not the uplinks that the router has itself. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { getJson, RouterNetns } from '../../helpers/router-netns.js';

let router: RouterNetns;
beforeEach(() => {
  router = new RouterNetns();
});
afterEach(() => router.remove());

test.each(['id', 'epoch-router'])(
  'a router whose file "%s" is empty forwards, and says what is missing',
  async (name) => {
    const stateDirectory = join(router.directory, 'state');
    mkdirSync(stateDirectory, { mode: 0o700 });
    writeFileSync(join(stateDirectory, name), '', { mode: 0o600 });
    const probes = '[{type: icmp, targets: [192.0.2.53]}]';
    const { file, socket } = router.config(
      `gateways: {interfaces: [wan0], probes: ${probes}, state_directory: ${stateDirectory}}`,
    );
    const running = await router.run(file);
    const problem = `no gateway node is used until a restart: ${join(stateDirectory, name)}: is no `;
    expect(running.output()).toContain(` error ${problem}`);
    const { problems } = await getJson<{ problems: string[] }>(socket, '/v1/health');
    expect(problems).toContainEqual(expect.stringContaining(problem));
    expect(router.netns.ip('route show default proto 68')).toContain('wan0');
    expect(await router.stop(running), running.output()).toBe(0);

    rmSync(join(stateDirectory, name));
    const again = await router.run(file);
    expect(again.output()).not.toContain(' error ');
    expect(await router.stop(again), again.output()).toBe(0);
  },
);
