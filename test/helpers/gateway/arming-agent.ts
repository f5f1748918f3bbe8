/**
 * A process that arms and disarms at command, one JSON object a line: for tests that kill it. Started by ArmingWorld.
 * Each command is answered by one line: {"ok": result} or {"error": message}.
 */
import { createInterface } from 'node:readline';
import { openArming } from '../../../src/gateway/node/arming/index.js';
import type { ArmedLease } from '../../../src/gateway/node/types.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';

export interface AgentLease {
  pairing?: string;
  number?: number;
  link?: string;
  router: string;
  families?: Family[];
  clients?: string[];
  leftMs?: number;
}

export interface AgentSettings {
  stateDirectory: string;
  backhaul: Partial<Record<Family, string>>;
  routedPrefixes?: string[];
  forceForwarding?: boolean;
}

export type AgentCommand =
  | { apply: AgentLease[] }
  | { plan: AgentLease[] }
  | { obstacles: AgentLease[] }
  | { do: 'usage' | 'restore' | 'log' | 'close' };

const settings = JSON.parse(process.argv[2]!) as AgentSettings;
const logged: string[] = [];
const arming = openArming({
  stateDirectory: settings.stateDirectory,
  backhaul: () => settings.backhaul,
  routedPrefixes: () => (settings.routedPrefixes ?? []).map((text) => Prefix.parse(text)),
  log: (text) => logged.push(text),
  ...(settings.forceForwarding === undefined ? {} : { forceForwarding: settings.forceForwarding }),
});

const nowUs = (): number => Number(process.hrtime.bigint() / 1000n);

function leaseOf(given: AgentLease): ArmedLease {
  return {
    pairing: given.pairing ?? 'home',
    router: 'ab'.repeat(16),
    number: BigInt(given.number ?? 1),
    role: 'active',
    origin: { ifindex: 1, ifname: given.link ?? 'lan.7', address: IpAddress.parse(given.router) },
    want: { families: given.families ?? [4, 6], wayBack: 'router' },
    clients: (given.clients ?? []).map((text) => Prefix.parse(text)),
    endsUs: nowUs() + (given.leftMs ?? 60_000) * 1000,
  };
}

async function carryOut(command: AgentCommand): Promise<unknown> {
  if ('apply' in command) {
    const leases = command.apply.map(leaseOf);
    const start = performance.now();
    await arming.apply(leases, nowUs());
    return performance.now() - start;
  }
  if ('plan' in command) return arming.plan(command.plan.map(leaseOf));
  if ('obstacles' in command) return arming.obstacles(command.obstacles.map(leaseOf));
  if (command.do === 'restore') return arming.restore();
  if (command.do === 'log') return logged;
  if (command.do === 'close') return arming.close();
  const usage = await arming.usage();
  return Object.fromEntries(
    [...usage].map(([name, u]) => [name, [Number(u.toNetworkBytes), Number(u.fromNetworkBytes)]]),
  );
}

createInterface({ input: process.stdin }).on('line', (line) => {
  void carryOut(JSON.parse(line) as AgentCommand).then(
    (ok) => process.stdout.write(`${JSON.stringify({ ok })}\n`),
    (error: unknown) => process.stdout.write(`${JSON.stringify({ error: (error as Error).message })}\n`),
  );
});
