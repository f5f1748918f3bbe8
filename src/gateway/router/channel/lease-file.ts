/**
 * `elected.json`: the leases that a run leaves to the next one. Times are of the monotonic clock, so the file is of use
 * within the same boot alone.
 */
import { join } from 'node:path';
import type { Clock } from '../../../controller/ports.js';
import { IpAddress, type Family } from '../../../net/ip-address.js';
import { readStateFile } from '../../state-file.js';
import { writeVolatileFile } from '../../volatile-file.js';
import type { OfferedFamily } from '../../wire/types.js';
import type { PersistedLease } from '../types.js';

const FILE = 'elected.json';
const MAXIMUM_BYTES = 64 * 1024;
const MAXIMUM_LEASES = 64;

export interface LeaseFile {
  /**
   * Of this boot, not ended; where the text is not as it should be: none.
   * @throws DetourError STATE_UNUSABLE, NOT_PERMITTED: others could have written it, or it cannot be read
   */
  read(): PersistedLease[];
  /**
   * A lease that is merely renewed is written when less than half of `leaseUs` would be left of it on disk.
   * @throws DetourError STATE_UNUSABLE, NOT_PERMITTED
   */
  keep(leases: readonly PersistedLease[], leaseUs: number): void;
  /** Writes what was not worth it before. */
  flush(): void;
}

export function leaseFile(stateDirectory: string, bootId: string, clock: Clock): LeaseFile {
  const path = join(stateDirectory, FILE);
  let written: readonly PersistedLease[] | null = null;
  let latest: readonly PersistedLease[] = [];
  const write = (): void => {
    if (written === latest || (written === null && latest.length === 0)) return;
    writeVolatileFile(path, encode(bootId, latest));
    written = latest;
  };
  return {
    read() {
      const file = readStateFile(path, MAXIMUM_BYTES);
      const leases = file === null ? [] : decode(bootId, file.text);
      // What is there has to be taken away when nothing takes its place.
      written = leases;
      return leases.filter(({ endsUs }) => endsUs > clock.nowUs());
    },
    keep(leases, leaseUs) {
      latest = leases;
      const limitUs = clock.nowUs() + leaseUs / 2;
      if (written === null || !isRenewal(written, leases) || written.some(({ endsUs }) => endsUs < limitUs)) write();
    },
    flush: write,
  };
}

const isRenewal = (before: readonly PersistedLease[], now: readonly PersistedLease[]): boolean =>
  JSON.stringify(before.map(unchanging)) === JSON.stringify(now.map(unchanging));

const unchanging = (lease: PersistedLease): unknown => ({ ...plain(lease), endsUs: 0, nodeOrder: '' });

const plain = ({ number, nodeOrder, origin, families, ...rest }: PersistedLease): Record<string, unknown> => ({
  ...rest,
  number: number.toString(),
  nodeOrder: nodeOrder.toString(),
  origin: { ...origin, address: origin.address.toString() },
  families: families.map((offered) => ({ ...offered, gateway: offered.gateway.toString() })),
});

const encode = (bootId: string, leases: readonly PersistedLease[]): string =>
  `${JSON.stringify({ version: 1, boot: bootId, leases: leases.map(plain) })}\n`;

function decode(bootId: string, text: string): PersistedLease[] {
  try {
    const { version, boot, leases } = JSON.parse(text) as Record<string, unknown>;
    if (version !== 1 || boot !== bootId || !Array.isArray(leases)) return [];
    return leases.slice(0, MAXIMUM_LEASES).map(decodeLease);
  } catch {
    return [];
  }
}

type Fields = Record<string, unknown>;

/** @throws Error for whatever was not written by `plain` */
function decodeLease(value: unknown): PersistedLease {
  const fields = value as Fields;
  const origin = fields['origin'] as Fields;
  return {
    pairing: text(fields['pairing']),
    node: text(fields['node']),
    role: oneOf(fields['role'], ['standby', 'active']),
    origin: {
      ifindex: whole(origin['ifindex']),
      ifname: text(origin['ifname']),
      address: IpAddress.parse(text(origin['address'])),
    },
    families: (fields['families'] as Fields[]).map(decodeFamily),
    wayBack: oneOf(fields['wayBack'], ['router', 'direct']),
    metered: fields['metered'] === true,
    number: BigInt(text(fields['number'])),
    endsUs: whole(fields['endsUs']),
    nodeOrder: BigInt(text(fields['nodeOrder'])),
  };
}

function decodeFamily(fields: Fields): OfferedFamily {
  const gateway = IpAddress.parse(text(fields['gateway']));
  const family: Family = gateway.family;
  return { family, translation: oneOf(fields['translation'], ['masquerade', 'routed']), gateway };
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error('no text');
  return value;
}

function whole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Error('no whole number');
  return value;
}

function oneOf<T extends string>(value: unknown, words: readonly T[]): T {
  const found = words.find((word) => word === value);
  if (found === undefined) throw new Error('not one of its words');
  return found;
}
