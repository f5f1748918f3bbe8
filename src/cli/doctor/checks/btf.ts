/** Type information of the kernel: CO-RE and tracing programs need it. */
import { reporter, type DoctorInput, type Finding } from '../finding.js';

const report = reporter('btf', 'machine', 'Kernel BTF');
const PATH = '/sys/kernel/btf/vmlinux';

export function btf({ files }: DoctorInput): Finding[] {
  if (files.exists(PATH)) return [report({ status: 'ok', detail: PATH })];
  return [
    report({
      status: 'fail',
      detail: `there is no ${PATH}`,
      remedy: "use a kernel with CONFIG_DEBUG_INFO_BTF=y (every distribution's is); in a container, mount /sys",
    }),
  ];
}
