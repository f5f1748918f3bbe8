/** The native addon, and libbpf 1.1 through FFI. */
import { isUnknown, reporter, type DoctorInput, type Finding } from '../finding.js';

const reportAddon = reporter('native-addon', 'machine', 'Native addon');
const reportLibbpf = reporter('libbpf', 'machine', 'libbpf');

export function libraries({ libraries: { addon, libbpf } }: DoctorInput): Finding[] {
  return [
    isUnknown(addon)
      ? reportAddon({ status: 'fail', detail: addon.unknown, remedy: 'build it for this Node version: make build' })
      : reportAddon({ status: 'ok', detail: addon }),
    libbpfFinding(libbpf),
  ];
}

function libbpfFinding(libbpf: DoctorInput['libraries']['libbpf']): Finding {
  const remedy = 'install libbpf 1.1 or later (Debian: apt install libbpf1)';
  if (isUnknown(libbpf)) return reportLibbpf({ status: 'fail', detail: libbpf.unknown, remedy });
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(libbpf) ?? [];
  const enough = Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 1);
  if (!enough) return reportLibbpf({ status: 'fail', detail: `version ${libbpf}; 1.1 is needed`, remedy });
  return reportLibbpf({ status: 'ok', detail: `version ${libbpf.replace(/^v/, '')}` });
}
