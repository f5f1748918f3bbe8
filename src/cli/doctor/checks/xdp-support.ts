/** Can the device carry the program, and take frames that XDP redirects to it? Asked of the kernel where it says. */
import { place } from '../../../controller/topology.js';
import { isUnknown, reporter, subjects, type DoctorInput, type Files, type Finding } from '../finding.js';
import type { KernelLink } from '../../../controller/ports.js';

const report = reporter('xdp-support', 'interface', 'XDP');

export function xdpSupport(input: DoctorInput): Finding[] {
  const { view } = input;
  if (isUnknown(view)) return [report({ status: 'skip', detail: view.unknown })];
  return subjects(input).map(({ link }) => {
    const placement = place(link, view);
    const device = placement.port ?? link;
    const driver = driverOf(input.files, device);
    const named = driver === null ? '' : `driver ${driver}: `;
    if (placement.reason !== null) {
      const remedy = remedyFor(placement.port ? (driver ?? device.kind) : null);
      return report({ status: 'warn', detail: `${named}${placement.reason}`, remedy }, link.name);
    }
    const over = device === link ? '' : ` (on its port ${device.name})`;
    if (device.xdpRedirectTarget === null) {
      const detail = `${named}this kernel does not say whether the device takes redirected frames: found out by trying${over}`;
      return report({ status: 'skip', detail }, link.name);
    }
    return report({ status: 'ok', detail: `${named}takes redirected frames${over}` }, link.name);
  });
}

/** Drivers that take redirected frames only under a condition. `driver` is null where XDP cannot be used at all. */
function remedyFor(driver: string | null): string {
  if (driver === 'veth') {
    return 'a veth takes them once its peer runs NAPI: attach an XDP program to the peer, or ethtool -K PEER gro on';
  }
  if (driver === 'virtio_net') {
    return 'virtio-net takes them once a program is attached, if it has a queue for each CPU (ethtool -L)';
  }
  return 'nothing has to be done: it works, at the speed of the stack';
}

/** "virtio_net", or the kind of a virtual device. /sys may show another network namespace: then the ifindex differs. */
function driverOf(files: Files, link: KernelLink): string | null {
  const directory = `/sys/class/net/${link.name}`;
  if (files.read(`${directory}/ifindex`)?.trim() === String(link.ifindex)) {
    const target = files.link(`${directory}/device/driver`);
    if (target !== null) return target.split('/').at(-1)!;
  }
  return link.kind;
}
