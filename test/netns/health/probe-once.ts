/** Probes each URL once by the path in PROBE_PATH and prints the outcomes: `node probe-once.ts NETNS URL...`. */
import type { ProbePath } from '../../../src/controller/ports.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { ProbeBench, QUICK } from './probe-bench.js';
import { SHARED } from './two-uplinks.js';

const [netns = '', ...urls] = process.argv.slice(2);
const plain = JSON.parse(process.env.PROBE_PATH ?? '') as Omit<ProbePath, 'source' | 'gateway'> &
  Record<string, string>;
const path: ProbePath = {
  ...plain,
  sourceMac: null,
  gatewayMac: null,
  source: IpAddress.parse(plain.source ?? ''),
  gateway: IpAddress.parse(plain.gateway ?? ''),
};
const bench = new ProbeBench(netns);
for (const url of urls) {
  const targets = [{ url, address: IpAddress.parse(SHARED[4]), port: Number(new URL(url).port) }];
  const expectStatus = { from: 200, to: 299 };
  const common = { ...QUICK, timeoutMs: 20_000, name: 'https-1' };
  const [outcome] = await bench.outcomes(
    { ...common, type: 'https', targets, expectStatus, verifyCertificate: true },
    path,
    1,
  );
  process.stdout.write(`${outcome}\n`);
}
await bench.source.close();
