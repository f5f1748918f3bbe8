/** Offloads that merge frames or take tags away before XDP sees them. */
import { place } from '../../../controller/topology.js';
import { isUnknown, reporter, subjects, type DoctorInput, type Finding } from '../finding.js';
import type { KernelLink } from '../../../controller/ports.js';

const report = reporter('offloads', 'interface', 'Offloads');

export function offloads(input: DoctorInput): Finding[] {
  const { view, features } = input;
  if (isUnknown(view) || isUnknown(features)) {
    return [
      report({ status: 'skip', detail: isUnknown(view) ? view.unknown : (features as { unknown: string }).unknown }),
    ];
  }
  const ports = new Map<number, { port: KernelLink; tagged: boolean }>();
  for (const { link } of subjects(input)) {
    const { port, vlanId } = place(link, view);
    if (!port) continue;
    const before = ports.get(port.ifindex);
    ports.set(port.ifindex, { port, tagged: vlanId !== 0 || before?.tagged === true });
  }
  return [...ports.values()].map(({ port, tagged }) => {
    const active = features.get(port.ifindex);
    if (!active) return report({ status: 'skip', detail: 'the device tells no features' }, port.name);
    return portFinding(port, active, tagged);
  });
}

/** Feature names are those of netdev_features_strings in the kernel's net/ethtool/common.c. */
function portFinding(port: KernelLink, active: ReadonlySet<string>, tagged: boolean): Finding {
  const wrong: { key: string; why: string; breaks: boolean }[] = [];
  if (active.has('rx-lro'))
    wrong.push({ key: 'lro', why: 'LRO merges frames that then cannot be forwarded', breaks: true });
  // Most drivers turn it off by themselves once a program is attached.
  if (active.has('rx-gro-hw')) {
    wrong.push({ key: 'rx-gro-hw', why: 'hardware GRO may hand merged frames to XDP', breaks: false });
  }
  if (tagged && active.has('rx-vlan-hw-parse')) {
    const why = 'the device removes VLAN tags, so that XDP sees tagged frames as untagged';
    wrong.push({ key: 'rxvlan', why, breaks: true });
  }
  if (wrong.length === 0) return report({ status: 'ok', detail: 'none is on that breaks XDP' }, port.name);
  const commands = wrong.map(({ key }) => `${key} off`).join(' ');
  const detail = wrong.map(({ why }) => why).join('; ');
  const status = wrong.some(({ breaks }) => breaks) ? 'fail' : 'warn';
  return report({ status, detail, remedy: `ethtool -K ${port.name} ${commands}` }, port.name);
}
