/** Programs and maps are pinned in a bpffs, so that forwarding outlives the controller. */
import { DATAPLANE_DEFAULTS } from '../../../config/defaults.js';
import { reporter, type DoctorInput, type Finding } from '../finding.js';

const report = reporter('bpffs', 'machine', 'bpffs');

export function bpffs({ files, loaded }: DoctorInput): Finding[] {
  const pinPath = loaded?.config.dataplane.pinPath ?? DATAPLANE_DEFAULTS.pin_path;
  const mounts = files.read('/proc/self/mountinfo');
  if (mounts === null) return [report({ status: 'skip', detail: '/proc/self/mountinfo cannot be read' })];
  const mounted = bpffsMounts(mounts);
  const above = mounted.find((point) => `${pinPath}/`.startsWith(point === '/' ? point : `${point}/`));
  if (above !== undefined) return [report({ status: 'ok', detail: `mounted at ${above}` })];
  const elsewhere = mounted.length === 0 ? '' : ` (one is at ${mounted.join(', ')})`;
  return [
    report({
      status: 'fail',
      detail: `none is mounted above ${pinPath}${elsewhere}`,
      remedy:
        'mount -t bpf bpf /sys/fs/bpf (systemd does so at boot), or set dataplane.pin_path; "ip netns exec" hides it, ' +
        '"nsenter --net=/run/netns/NAME" does not',
    }),
  ];
}

/** Mount points of type bpf; proc(5): fields up to " - ", then the type. Blanks are written as \040. */
function bpffsMounts(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ');
    const point = before?.split(' ')[4];
    if (point === undefined || after?.split(' ')[0] !== 'bpf') return [];
    return [point.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))];
  });
}
