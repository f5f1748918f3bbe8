/** Packets that an IPsec policy encrypts must not leave by XDP, which knows no policies. */
import { bypassed, describeBypassed } from '../../../controller/bypasses.js';
import { defaultKernel } from '../../../config/defaults.js';
import { isUnknown, reporter, type DoctorInput, type Finding } from '../finding.js';

const report = reporter('ipsec', 'network', 'IPsec policies');

export function ipsec({ view, loaded }: DoctorInput): Finding[] {
  if (isUnknown(view)) return [report({ status: 'skip', detail: view.unknown })];
  const kernel = loaded?.config.kernel ?? defaultKernel;
  const found = ([4, 6] as const).flatMap((family) => {
    const one = bypassed(view, kernel, family);
    return one?.what === 'ipsec' ? [one] : [];
  });
  if (found.length === 0) return [report({ status: 'ok', detail: 'none for packets that are forwarded or leave' })];
  return found.map((one) =>
    report({
      status: 'warn',
      detail: describeBypassed(one),
      remedy: 'none is needed; route-based tunnels (xfrm or WireGuard interfaces) leave the rest of the family to XDP',
    }),
  );
}
