/** Layouts and constants shared with the BPF programs. See bpf/abi.h for what they mean. */
import { Reason } from './generated.js';

export * from './generated.js';

/** Reason numbers as users see them: REASON_NOT_OUR_MAC is "not-our-mac". */
export const REASON_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Reason).map(([name, number]) => [number, name.toLowerCase().replaceAll('_', '-')]),
);

/** Numbers that this version does not know are named by themselves: "reason-45". */
export function reasonName(reason: number): string {
  return REASON_NAMES.get(reason) ?? `reason-${reason}`;
}
