/** Policy rules of others may send packets past Detour's routes. */
import { isUnknown, reporter, type DoctorInput, type Finding } from '../finding.js';

const report = reporter('rules', 'network', 'Policy rules');
const SHOWN = 5;

export function rules({ view }: DoctorInput): Finding[] {
  if (isUnknown(view)) return [report({ status: 'skip', detail: view.unknown })];
  const { foreignRules } = view;
  if (foreignRules.length === 0) return [report({ status: 'ok', detail: "only the kernel's and Detour's own" })];
  const more = foreignRules.length > SHOWN ? `; and ${foreignRules.length - SHOWN} more` : '';
  return [
    report({
      status: 'warn',
      detail: `others have rules that may go past Detour's routes: ${foreignRules.slice(0, SHOWN).join('; ')}${more}`,
      remedy: 'check that they are meant (ip rule); "ip rule del ..." removes one',
    }),
  ];
}
