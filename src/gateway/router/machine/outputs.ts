/** What the shell is told as whole sets: elected nodes, and leases for the next run. Only when they change. */
import { isHolding, type HeldLease, type NodeEntry } from './state.js';
import type { ElectedGateway, PersistedLease } from '../types.js';
import type { Work } from './work.js';

export function tell(work: Work): void {
  const held = [...work.nodes.values()].flatMap((entry) => {
    const { lease, node } = entry;
    const elected = isHolding(entry) && entry.state !== 'electing';
    return elected && lease !== null && node !== null ? [{ entry, lease, node }] : [];
  });
  const { told } = work.state;
  const elected = held.map(({ entry, lease, node }) => electedGateway(entry, lease, node));
  const leases = held.map(({ entry, lease, node }) => persistedLease(entry, lease, node));
  const newElected = textOf(elected) !== textOf(told.elected);
  const newLeases = textOf(leases.map(withoutOrder)) !== textOf(told.leases.map(withoutOrder));
  if (newElected) work.actions.push({ type: 'elected', gateways: elected });
  if (newLeases) work.actions.push({ type: 'persist', leases });
  if (newElected || newLeases) {
    work.set({ told: { elected: newElected ? elected : told.elected, leases: newLeases ? leases : told.leases } });
  }
}

function electedGateway(entry: NodeEntry, lease: HeldLease, node: string): ElectedGateway {
  return {
    pairing: entry.pairing,
    node,
    role: lease.terms.role,
    origin: lease.origin,
    families: [...lease.families],
    wayBack: (lease.confirmed ?? lease.terms).wayBack,
    metered: entry.offer?.offer.cost?.metered ?? false,
    leaving: entry.state === 'leaving',
  };
}

function persistedLease(entry: NodeEntry, lease: HeldLease, node: string): PersistedLease {
  const { leaving: _leaving, ...gateway } = electedGateway(entry, lease, node);
  // Asked to be standby, it may not have heard yet: the next run must not give its families to another before it has.
  const role = lease.activeMaybe.length > 0 ? 'active' : gateway.role;
  return { ...gateway, role, number: lease.number, endsUs: lease.endsUs, nodeOrder: entry.nodeOrder ?? 0n };
}

/** The order grows with each message of the node: not worth a write of its own. */
const withoutOrder = ({ nodeOrder: _nodeOrder, ...lease }: PersistedLease): Omit<PersistedLease, 'nodeOrder'> => lease;

/** Addresses and numbers as text: equal texts are equal sets. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (key, part: unknown) => {
    if (typeof part === 'bigint') return part.toString();
    return key === 'address' || key === 'gateway' ? String(part) : part;
  });
