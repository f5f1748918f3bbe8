/**
 * A line that gets bad without failing: netem on the primary gateway's side of it.
 *
 *                        +-- wan0 -- lan [netem] gw0 (primary) --+
 *   client --- router ---+                                       +--- far
 *                        +-- wan1 -------------- gw1 (backup) ---+
 */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { demoConfig } from '../../../src/lab/demo-config.js';
import { sh, tryStart } from '../../../src/lab/shell.js';
import { describeWith } from '../../helpers/kernel-features.js';
import { LabRun } from '../../helpers/lab-run.js';
import { until } from '../../helpers/poll.js';

interface PathState {
  state: string;
  cause: string;
}

describeWith('netem (CONFIG_NET_SCH_NETEM)', 'a path with limits', () => {
  let run: LabRun;

  beforeAll(async () => {
    run = new LabRun();
    const limits = 'fail_after: 12\n        window_samples: 32\n        limits: {loss_percent: 10, latency_ms: 150}';
    run.write(
      '',
      demoConfig({ socket: run.socket, pinPath: run.pinPath })
        .replaceAll('interval_ms: 20\n', 'interval_ms: 500\n')
        .replaceAll('fail_after: 3', limits),
    );
    await run.startAsWritten();
    await run.active('primary');
  });
  afterEach(() => tryStart('tc', '-n', run.lab.gateway(0), 'qdisc', 'del', 'dev', 'lan', 'root'));
  afterAll(() => run.destroy());

  async function primary(): Promise<PathState[]> {
    const { body } = await run.controller!.call('GET', '/v1/uplinks/primary');
    return (body as { paths: PathState[] }).paths;
  }

  /** Waits for a state of both families; any `down` on the way is a failure. */
  async function becomes(state: string): Promise<string[]> {
    const paths = await until(
      async () => {
        const now = await primary();
        expect(now.map((path) => path.state)).not.toContain('down');
        return now.every((path) => path.state === state) ? now : null;
      },
      { timeoutMs: 120_000, everyMs: 200, what: `both paths ${state}` },
    );
    return paths.map(({ cause }) => cause);
  }

  const netem = (...what: string[]): string =>
    sh('tc', '-n', run.lab.gateway(0), 'qdisc', 'replace', 'dev', 'lan', 'root', 'netem', ...what);

  it('is degraded, not down, while more packets are lost than its limit, and up again afterwards', async () => {
    netem('loss', '40%');
    for (const cause of await becomes('degraded')) expect(cause).toMatch(/loss/);
    sh('tc', '-n', run.lab.gateway(0), 'qdisc', 'del', 'dev', 'lan', 'root');
    await becomes('up');
  });

  it('is degraded, not down, while it takes longer than its limit', async () => {
    netem('delay', '250ms');
    for (const cause of await becomes('degraded')) expect(cause).toMatch(/latency|round trip/);
  });
});
