/** The TLVs that may be ignored: what a node says of itself, and what it carried. They may grow, except for NAME. */
import { CodeTable } from './code-table.js';
import type { Kind } from './kind.js';
import { decodeText, encodeText } from './text.js';
import type { Backhaul, Capacity, Cost, Power, Slots, Usage } from './types.js';

/** Bytes of UTF-8 in NAME. */
export const MAXIMUM_NAME_BYTES = 32;
/** Milliseconds, section 7. */
export const INTERVAL_RANGE_MS = { minimum: 100, maximum: 60_000 } as const;

const NO_LIMIT = 0xffff_ffff_ffff_ffffn;
const MAINS = 255;

const states = new CodeTable<Backhaul['state']>('state of a backhaul', { unknown: 0, good: 1, bad: 2 });
const answers = new CodeTable<'no' | 'yes'>('answer', { no: 0, yes: 1 });
const codeOfAnswer = (yes: boolean): number => answers.codeOf(yes ? 'yes' : 'no');
const isYes = (code: number): boolean => answers.wordOf(code) === 'yes';

export const INTERVAL: Kind<number> = {
  type: 0x0008,
  name: 'INTERVAL',
  mayGrow: true,
  write: (out, intervalMs) => out.u32(intervalMs),
  read: (from) => from.u32(),
  objection(intervalMs) {
    const { minimum, maximum } = INTERVAL_RANGE_MS;
    return intervalMs < minimum || intervalMs > maximum ? `an interval of ${intervalMs} ms` : null;
  },
};

export const NAME: Kind<string> = {
  type: 0x0009,
  name: 'NAME',
  mayGrow: false,
  write: (out, name) => out.put(encodeText(name, MAXIMUM_NAME_BYTES)),
  read: (from) => decodeText(from.take(from.remaining), MAXIMUM_NAME_BYTES),
  objection: (name) => (name === '' ? 'a name is empty' : null),
};

export const CAPACITY: Kind<Capacity> = {
  type: 0x000a,
  name: 'CAPACITY',
  mayGrow: true,
  write(out, { downKbps, upKbps }) {
    out.u32(downKbps);
    out.u32(upKbps);
  },
  read: (from) => ({ downKbps: from.u32(), upKbps: from.u32() }),
};

export const COST: Kind<Cost> = {
  type: 0x000b,
  name: 'COST',
  mayGrow: true,
  write(out, { preference, metered, bytesLeft }) {
    if (bytesLeft === NO_LIMIT) throw new RangeError(`${bytesLeft} bytes: null says that there is no limit`);
    out.u16(preference);
    out.u8(codeOfAnswer(metered));
    out.reserved(1);
    out.u64(bytesLeft ?? NO_LIMIT);
  },
  read(from) {
    const preference = from.u16();
    const metered = isYes(from.u8());
    from.skip(1);
    const bytesLeft = from.u64();
    return { preference, metered, bytesLeft: bytesLeft === NO_LIMIT ? null : bytesLeft };
  },
};

export const POWER: Kind<Power> = {
  type: 0x000c,
  name: 'POWER',
  mayGrow: true,
  write(out, { batteryPercent, charging }) {
    out.u8(batteryPercent ?? MAINS);
    out.u8(codeOfAnswer(charging));
  },
  read(from) {
    const percent = from.u8();
    return { batteryPercent: percent === MAINS ? null : percent, charging: isYes(from.u8()) };
  },
  objection: ({ batteryPercent }) => ((batteryPercent ?? 0) > 100 ? `a battery of ${batteryPercent} %` : null),
};

export const BACKHAUL: Kind<Backhaul> = {
  type: 0x000d,
  name: 'BACKHAUL',
  mayGrow: true,
  write(out, backhaul) {
    out.u8(backhaul.family);
    out.u8(states.codeOf(backhaul.state));
    out.u16(backhaul.lossPermille);
    out.u32(backhaul.rttUs);
    out.u32(backhaul.ageMs);
  },
  read: (from) => ({
    family: from.family(),
    state: states.wordOf(from.u8()),
    lossPermille: from.u16(),
    rttUs: from.u32(),
    ageMs: from.u32(),
  }),
  objection: ({ lossPermille }) => (lossPermille > 1000 ? `a loss of ${lossPermille}/1000` : null),
};

export const SLOTS: Kind<Slots> = {
  type: 0x000e,
  name: 'SLOTS',
  mayGrow: true,
  write(out, { total, used }) {
    out.u8(total);
    out.u8(used);
  },
  read: (from) => ({ total: from.u8(), used: from.u8() }),
};

export const USAGE: Kind<Usage> = {
  type: 0x000f,
  name: 'USAGE',
  mayGrow: true,
  write(out, { toNetworkBytes, fromNetworkBytes }) {
    out.u64(toNetworkBytes);
    out.u64(fromNetworkBytes);
  },
  read: (from) => ({ toNetworkBytes: from.u64(), fromNetworkBytes: from.u64() }),
};
