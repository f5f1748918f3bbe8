/**
 * Uplinks that XDP cannot serve, in the lab's router: `spare` is a dummy device, which has no ndo_xdp_xmit (6.12 says so,
 * on 6.1 it is found by trying); `closed` belongs to a VRF.
 *
 *                        +-- wan0 -- gw0 (primary) --+
 *   client --- router ---+-- wan1 -- gw1 (backup) ---+--- far
 *                        +-- dum0 (spare)
 *                        +-- red0 in VRF blue (closed)
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { demoConfig } from '../../../src/lab/demo-config.js';
import { ipBatch } from '../../../src/lab/shell.js';
import { FAR_IPV4, FAR_IPV6 } from '../../../src/lab/topology.js';
import { describeWith } from '../../helpers/kernel-features.js';
import { LabRun } from '../../helpers/lab-run.js';

describeWith('VRF (CONFIG_NET_VRF)', 'an uplink that XDP cannot serve', () => {
  let run: LabRun;

  beforeAll(async () => {
    run = new LabRun();
    ipBatch(run.router, [
      'link add dum0 type dummy',
      'link set dum0 up',
      'addr add 10.64.2.2/24 dev dum0',
      'link add blue type vrf table 10',
      'link set blue up',
      'link add red0 type dummy',
      'link set red0 master blue up',
      'addr add 10.64.3.2/24 dev red0',
    ]);
    const uplinks = ['primary', 'backup', 'spare', 'closed'];
    const config = demoConfig({ socket: run.socket, pinPath: run.pinPath, uplinks })
      .replace('interface: wan2\n', 'interface: dum0\n')
      .replace('interface: wan3\n', 'interface: red0\n')
      .replaceAll('interval_ms: 20\n', 'interval_ms: 200\n');
    run.write('', config);
    await run.startAsWritten();
    await run.active('primary');
  });
  afterAll(() => run.destroy());

  async function forwarding(uplink: string): Promise<{ by: string; reason: string | null }> {
    const { body } = await run.controller!.call('GET', `/v1/uplinks/${uplink}`);
    return (body as { forwarding: { by: string; reason: string | null } }).forwarding;
  }

  it('is served by the stack when its device takes no redirected frames, and says so', async () => {
    const { by, reason } = await forwarding('spare');
    expect(by).toBe('stack');
    expect(reason).toContain('dum0 takes no redirected frames (no ndo_xdp_xmit)');
  });

  it('is served by the stack when it belongs to a VRF, and says so', async () => {
    expect(await forwarding('closed')).toEqual({ by: 'stack', reason: 'red0 belongs to blue: forwarded by the stack' });
  });

  it('leaves the others with XDP', async () => {
    expect(await forwarding('primary')).toEqual({ by: 'xdp', reason: null });
    expect([run.ping(FAR_IPV4), run.ping(FAR_IPV6)]).toEqual([true, true]);
    expect(Number((await run.reasons('lan0'))['forwarded'])).toBeGreaterThanOrEqual(2);
  });
});
