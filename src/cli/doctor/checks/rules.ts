/** Policy rules of others may send packets past Detour's routes. */
import { defaultKernel } from '../../../config/defaults.js';
import { ruleInForce } from '../../../controller/foreign-rules.js';
import type { ForeignRule } from '../../../controller/ports.js';
import { isUnknown, reporter, type DoctorInput, type Finding } from '../finding.js';

const report = reporter('rules', 'network', 'Policy rules');
const SHOWN = 5;

export function rules({ view, loaded }: DoctorInput): Finding[] {
  if (isUnknown(view)) return [report({ status: 'skip', detail: view.unknown })];
  const { foreignRules } = view;
  const kernel = loaded?.config.kernel ?? defaultKernel;
  const inForce = ([4, 6] as const).flatMap((family) => ruleInForce(view, kernel, family) ?? []);
  if (foreignRules.length === 0) return [report({ status: 'ok', detail: "only the kernel's and Detour's own" })];
  if (inForce.length === 0) {
    return [report({ status: 'ok', detail: `others' do not concern forwarded packets: ${list(foreignRules)}` })];
  }
  return inForce.map(({ rule, asks }) => {
    const ofFamily = foreignRules.filter(({ family, selects }) => family === rule.family && selects !== 'none');
    const effect =
      asks === 'fib'
        ? `XDP asks the kernel where each IPv${rule.family} packet goes, which is slower`
        : `the stack forwards all of IPv${rule.family}, for XDP cannot know what "${rule.text}" looks at`;
    return report({
      status: 'warn',
      detail: `others have rules that may go past Detour's routes: ${list(ofFamily)}; meanwhile ${effect}`,
      remedy:
        'delete those that are not needed (ip rule del ...), and add "iif lo" to those for this machine\'s own packets',
    });
  });
}

function list(rules: readonly ForeignRule[]): string {
  const more = rules.length > SHOWN ? `; and ${rules.length - SHOWN} more` : '';
  const texts = rules.slice(0, SHOWN).map(({ text }) => text);
  return texts.join('; ') + more;
}
