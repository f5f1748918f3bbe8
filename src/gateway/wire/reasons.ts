/** Codes of REASON, section 3.5. */
import { CodeTable } from './code-table.js';
import type { ReasonCode } from './types.js';

const codes = new CodeTable<ReasonCode>('reason', {
  busy: 1,
  backhaul: 2,
  battery: 3,
  budget: 4,
  loop: 5,
  owner: 6,
  'arming-failed': 7,
  'no-such-lease': 8,
  'nothing-offered': 9,
  're-established': 16,
  'other-is-better': 17,
  operator: 18,
  'shutting-down': 19,
  'path-fails': 20,
});

export const codeOfReason = (reason: ReasonCode): number => codes.codeOf(reason);

/** What is not known means that the other one does not want to, whatever its reason is. */
export const reasonOfCode = (code: number): ReasonCode => codes.find(code) ?? 'owner';
