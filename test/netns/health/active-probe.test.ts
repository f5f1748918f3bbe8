/** TCP, HTTP, HTTPS and DNS probes against real servers, each by its own uplink whatever the main table says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DnsProbeConfig, HttpProbeConfig, TcpProbeConfig } from '../../../src/config/types.js';
import { type Family, IpAddress } from '../../../src/net/ip-address.js';
import { until } from '../../helpers/poll.js';
import { ProbeBench, QUICK } from './probe-bench.js';
import { ONLY_B, SHARED, TwoUplinks, run } from './two-uplinks.js';

const directory = mkdtempSync(join(tmpdir(), `dt-health-${process.pid}-`));
const certificate = join(directory, 'certificate.pem');
const key = join(directory, 'key.pem');
const servers: ChildProcess[] = [];
const LOADER = join(import.meta.dirname, '../../../scripts/typescript-loader.mjs');
let lab: TwoUplinks;
let bench: ProbeBench;

async function startServices(side: 'a' | 'b'): Promise<void> {
  const script = join(import.meta.dirname, 'far-services.ts');
  const node = [process.execPath, '--import', LOADER, script, `uplink-${side}`, certificate, key];
  const child = spawn('ip', ['netns', 'exec', lab.far(side), ...node], { stdio: ['ignore', 'pipe', 'inherit'] });
  servers.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await until(() => output.includes('ready'), { what: `services of uplink-${side}`, timeoutMs: 60_000 });
}

beforeAll(async () => {
  const subject = ['-subj', '/CN=probe.example', '-addext', 'subjectAltName=DNS:probe.example'];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
  run('openssl', 'req', '-x509', ...newKey, '-out', certificate, '-days', '2', ...subject);
  lab = new TwoUplinks();
  await Promise.all([startServices('a'), startServices('b')]);
});
afterAll(() => {
  for (const server of servers) server.kill('SIGKILL');
  lab?.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  bench = new ProbeBench(lab.netns);
});
afterEach(() => bench.source.close());

const openDescriptors = (): number => run('ls', `/proc/${process.pid}/fd`).split('\n').length;

function tcp(address: string, port = 7): TcpProbeConfig {
  return { ...QUICK, name: 'tcp-1', type: 'tcp', targets: [{ address: IpAddress.parse(address), port }] };
}

function http(url: string, family: Family, overrides: Partial<HttpProbeConfig> = {}): HttpProbeConfig {
  const { protocol, port } = new URL(url);
  return {
    ...QUICK,
    // The first request of a process takes seconds on an emulated machine.
    timeoutMs: 20_000,
    name: 'http-1',
    type: protocol === 'https:' ? 'https' : 'http',
    targets: [{ url, address: IpAddress.parse(SHARED[family]), port: Number(port) }],
    expectStatus: { from: 200, to: 399 },
    verifyCertificate: true,
    ...overrides,
  };
}

function dns(query: string, family: Family, queryType: DnsProbeConfig['queryType'] = 'A'): DnsProbeConfig {
  const targets = [{ address: IpAddress.parse(SHARED[family]), port: 5353 }];
  return { ...QUICK, name: 'dns-1', type: 'dns', targets, query, queryType };
}

const OK = ['ok', 'ok', 'ok'];
const thrice = (cause: string): string[] => [cause, cause, cause];
const IMPATIENT = { timeoutMs: QUICK.timeoutMs };
const SILENT = `no answer within ${QUICK.timeoutMs} ms`;

describe.each([4, 6] as const)('IPv%i', (family) => {
  it.each([0, 1] as const)('TCP connects by uplink %i', async (uplink) => {
    expect(await bench.outcomes(tcp(SHARED[family]), lab.path(uplink, family))).toEqual(OK);
    expect(bench.samples[0]!.outcome).toHaveProperty('rttUs', expect.any(Number));
    expect(bench.samples[0]!.window.latencyUs).toBeGreaterThan(0);
  });

  it.each([
    [0, 'uplink-a'],
    [1, 'uplink-b'],
  ] as const)('HTTP by uplink %i is answered by the machine behind it', async (uplink, name) => {
    const probe = http('http://probe.example:8080/ok', family, {
      expectBody: `served by ${name} for probe.example:8080`,
    });
    expect(await bench.outcomes(probe, lab.path(uplink, family))).toEqual(OK);
  });

  it('HTTPS works where the certificate is not looked at', async () => {
    const probe = http('https://probe.example:8443/ok', family, { verifyCertificate: false, expectBody: 'uplink-a' });
    expect(await bench.outcomes(probe, lab.path(0, family))).toEqual(OK);
  });

  it.each(['ok', 'nx'])('DNS takes an answer to %s.example as life', async (label) => {
    expect(await bench.outcomes(dns(`${label}.example`, family), lab.path(0, family))).toEqual(OK);
  });
});

describe('the uplink', () => {
  it('decides, not the routing table: what only the other uplink reaches is not reached', async () => {
    const refused = await bench.outcomes(tcp(ONLY_B), lab.path(0, 4));
    expect(refused).not.toContain('ok');
    expect(await bench.outcomes(tcp(ONLY_B), lab.path(1, 4))).toEqual(OK);
  });

  it('that swallows everything is silent for each kind of probe, while the other one works', async () => {
    lab.dropReplies('a', 'meta l4proto { tcp, udp }');
    try {
      const silent = lab.path(0, 4);
      const url = 'http://probe.example:8080/ok';
      expect(await bench.outcomes(tcp(SHARED[4]), silent)).toEqual(thrice(SILENT));
      expect(await bench.outcomes(http(url, 4, IMPATIENT), silent)).toEqual(thrice(SILENT));
      expect(await bench.outcomes(dns('ok.example', 4), silent)).toEqual(thrice(SILENT));
      expect(await bench.outcomes(http(url, 4), lab.path(1, 4))).toEqual(OK);
    } finally {
      lab.restoreReplies('a');
    }
  });

  it('that is gone is named', async () => {
    const path = { ...lab.path(0, 4), ifname: 'wan9' };
    expect(await bench.outcomes(tcp(SHARED[4]), path)).toEqual(thrice('interface gone (ENODEV)'));
  });

  it('without the source address is named', async () => {
    const path = { ...lab.path(0, 4), source: IpAddress.parse('192.0.2.77') };
    const expected = thrice('source address not on the interface (EADDRNOTAVAIL)');
    expect(await bench.outcomes(tcp(SHARED[4]), path)).toEqual(expected);
  });
});

describe('a TCP probe', () => {
  it('of a closed port says so', async () => {
    const outcomes = await bench.outcomes(tcp(SHARED[4], 9), lab.path(0, 4));
    expect(outcomes).toEqual(thrice('connection refused (ECONNREFUSED)'));
  });

  it('leaves no socket behind', async () => {
    await bench.outcomes(tcp(SHARED[4]), lab.path(0, 4), 5);
    const sockets = run('ip', 'netns', 'exec', lab.router!, 'ss', '-Htan', 'dst', SHARED[4], 'and', 'dport', '=', ':7');
    expect(sockets).toBe('');
  });
});

describe('an HTTP probe', () => {
  const path = () => lab.path(0, 4);
  const page = (name: string): string => `http://probe.example:8080/${name}`;

  it('of a wrong status names it', async () => {
    expect(await bench.outcomes(http(page('teapot'), 4), path())).toEqual(thrice('HTTP 418'));
  });

  it('accepts the status that it was told to', async () => {
    const probe = http(page('teapot'), 4, { expectStatus: { from: 418, to: 418 } });
    expect(await bench.outcomes(probe, path())).toEqual(OK);
  });

  it('of a body without the wanted text says so', async () => {
    const probe = http(page('ok'), 4, { expectBody: 'captive portal' });
    const cause = 'HTTP 200, but the body does not contain "captive portal"';
    expect(await bench.outcomes(probe, path())).toEqual(thrice(cause));
  });

  it('looks at the first 64 KiB of the body and no further', async () => {
    expect(await bench.outcomes(http(page('early'), 4, { expectBody: 'needle' }), path())).toEqual(OK);
    expect((await bench.outcomes(http(page('late'), 4, { expectBody: 'needle' }), path()))[0]).toContain('not contain');
  });

  it('gives up on a server that accepts and never answers, without piling up sockets', async () => {
    const before = openDescriptors();
    expect(await bench.outcomes(http(page('slow'), 4, IMPATIENT), path(), 5)).toEqual([
      ...thrice(SILENT),
      SILENT,
      SILENT,
    ]);
    await until(() => openDescriptors() <= before + 2, { what: 'closed descriptors' });
  });

  it('of a server that speaks no HTTP fails with a cause', async () => {
    const probe = http('http://probe.example:8443/ok', 4);
    const outcomes = await bench.outcomes(probe, path());
    expect(outcomes).not.toContain('ok');
    expect(outcomes.join()).not.toContain('no answer');
  });
});

describe('an HTTPS probe', () => {
  const url = 'https://probe.example:8443/ok';

  it('of an untrusted certificate says so', async () => {
    const [cause] = await bench.outcomes(http(url, 4), lab.path(0, 4));
    expect(cause).toMatch(/^certificate rejected: self-signed certificate \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/);
  });

  it('of a port without TLS fails with a cause', async () => {
    const outcomes = await bench.outcomes(http('https://probe.example:8080/ok', 4), lab.path(0, 4));
    expect(outcomes).not.toContain('ok');
    expect(outcomes.join()).not.toContain('no answer');
  });

  it('checks a trusted certificate against the name', async () => {
    // Trust is a matter of the whole process, set when it starts: so this one is asked in a process of its own.
    const urls = ['probe.example', 'other.example'].map((host) => `https://${host}:8443/ok`);
    const args = ['--import', LOADER, join(import.meta.dirname, 'probe-once.ts'), lab.netns, ...urls];
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificate, PROBE_PATH: JSON.stringify(lab.path(0, 4)) };
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until(() => child.exitCode !== null, { what: 'the probing process', timeoutMs: 60_000 });
    expect(output).toMatch(/^ok\ncertificate rejected: .*\(ERR_TLS_CERT_ALTNAME_INVALID\)\n$/);
  });
});

describe('a DNS probe', () => {
  it.each([
    ['fail.example', 'DNS SERVFAIL'],
    ['refused.example', 'DNS REFUSED'],
    ['broken.example', 'malformed DNS answer: record 1 of 1 has a broken name'],
    ['spoofed.example', SILENT],
    ['silent.example', SILENT],
  ])('for %s: %s', async (query, cause) => {
    expect(await bench.outcomes(dns(query, 4), lab.path(0, 4))).toEqual(thrice(cause));
  });

  it('of a closed port says so', async () => {
    const probe = dns('ok.example', 4);
    const outcomes = await bench.outcomes({ ...probe, targets: [{ ...probe.targets[0]!, port: 9 }] }, lab.path(0, 4));
    expect(outcomes).toEqual(thrice('connection refused (ECONNREFUSED)'));
  });

  it('leaves no descriptor behind', async () => {
    await bench.outcomes(dns('ok.example', 4), lab.path(0, 4), 1);
    const before = openDescriptors();
    await bench.outcomes(dns('ok.example', 4), lab.path(0, 4), 10);
    await until(() => openDescriptors() <= before, { what: 'closed descriptors' });
  });
});
