/** The critical TLVs: leases, what is wanted and offered, reasons and paths. */
import type { IpAddress } from '../../net/ip-address.js';
import { Prefix } from '../../net/prefix.js';
import { ID_BYTES, Malformed } from './bytes.js';
import { CodeTable } from './code-table.js';
import type { Kind } from './kind.js';
import { codeOfReason, reasonOfCode } from './reasons.js';
import { decodeText, encodeText } from './text.js';
import type { Lease, MachineId, OfferedFamily, Order, Reason, Role, Want } from './types.js';

/** Bytes of UTF-8 in REASON. */
const MAXIMUM_REASON_TEXT_BYTES = 60;
/** Ids in PATH. */
export const MAXIMUM_PATH = 8;
/** CLIENTS in a message. */
export const MAXIMUM_CLIENTS = 16;

const roles = new CodeTable<Role>('role', { standby: 1, active: 2 });
const translations = new CodeTable<OfferedFamily['translation']>('translation', { masquerade: 1, routed: 2 });
const waysBack = new CodeTable<Want['wayBack']>('way back', { router: 1, direct: 2 });
const FAMILY_BIT = { 4: 1, 6: 2 } as const;

export const LEASE: Kind<Lease> = {
  type: 0x8001,
  name: 'LEASE',
  mayGrow: false,
  write(out, lease) {
    out.id(lease.router);
    out.u64(lease.number);
    out.u8(roles.codeOf(lease.role));
    out.reserved(3);
    out.u32(lease.leftMs);
  },
  read(from) {
    const router = from.id();
    const number = from.u64();
    const role = roles.wordOf(from.u8());
    from.skip(3);
    return { router, number, role, leftMs: from.u32() };
  },
  objection: (lease) => (lease.number === 0n ? 'no lease has the number 0' : null),
};

export const ECHO: Kind<Order> = {
  type: 0x8002,
  name: 'ECHO',
  mayGrow: false,
  write: (out, order) => out.u64(order),
  read: (from) => from.u64(),
};

export const FAMILY: Kind<OfferedFamily> = {
  type: 0x8003,
  name: 'FAMILY',
  mayGrow: false,
  write(out, { family, translation, gateway }) {
    out.u8(family);
    out.u8(translations.codeOf(translation));
    out.reserved(2);
    out.put(gateway.bytes);
  },
  read(from) {
    const family = from.family();
    const translation = translations.wordOf(from.u8());
    from.skip(2);
    return { family, translation, gateway: from.address(family) };
  },
  objection({ family, gateway }) {
    if (gateway.family !== family) return `${gateway.toString()} is no gateway for IPv${family}`;
    return isUnicast(gateway) ? null : `${gateway.toString()} is no gateway`;
  },
};

const isUnicast = (address: IpAddress): boolean =>
  !address.isUnspecified && !address.isMulticast && !address.isLoopback;

export const WANT: Kind<Want> = {
  type: 0x8004,
  name: 'WANT',
  mayGrow: false,
  write(out, { families, wayBack }) {
    out.u8(families.reduce((bits, family) => bits | FAMILY_BIT[family], 0));
    out.u8(waysBack.codeOf(wayBack));
    out.reserved(2);
  },
  read(from) {
    const bits = from.u8();
    const wayBack = waysBack.wordOf(from.u8());
    from.skip(2);
    return { families: ([4, 6] as const).filter((family) => bits & FAMILY_BIT[family]), wayBack };
  },
  objection: ({ families }) => (families.length === 0 ? 'no family is wanted' : null),
};

export const CLIENTS: Kind<Prefix> = {
  type: 0x8005,
  name: 'CLIENTS',
  mayGrow: false,
  write(out, prefix) {
    out.u8(prefix.family);
    out.u8(prefix.length);
    out.reserved(2);
    out.put(prefix.address.bytes);
  },
  read(from) {
    const family = from.family();
    const length = from.u8();
    from.skip(2);
    const address = from.address(family);
    if (length > address.bitLength) throw new Malformed(`no prefix of IPv${family} has ${length} bits`);
    const prefix = Prefix.of(address, length);
    if (!prefix.address.equals(address)) throw new Malformed('a prefix has host bits');
    return prefix;
  },
};

export const REASON: Kind<Reason> = {
  type: 0x8006,
  name: 'REASON',
  mayGrow: false,
  write(out, { code, text }) {
    out.u8(codeOfReason(code));
    out.reserved(3);
    out.put(encodeText(text, MAXIMUM_REASON_TEXT_BYTES));
  },
  read(from) {
    const code = reasonOfCode(from.u8());
    from.skip(3);
    return { code, text: decodeText(from.take(from.remaining), MAXIMUM_REASON_TEXT_BYTES) };
  },
};

export const PATH: Kind<MachineId[]> = {
  type: 0x8007,
  name: 'PATH',
  mayGrow: false,
  write: (out, ids) => ids.forEach((id) => out.id(id)),
  read(from) {
    const ids: MachineId[] = [];
    while (from.remaining > 0 && ids.length < MAXIMUM_PATH) ids.push(from.id());
    return ids;
  },
  objection(ids) {
    if (ids.length === 0) return 'a path has no id';
    return ids.length > MAXIMUM_PATH ? `a path of ${ids.length * ID_BYTES} bytes` : null;
  },
};
