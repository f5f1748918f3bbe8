/** Interpreted programs forward several times slower. */
import { reporter, type DoctorInput, type Finding } from '../finding.js';
import { sysctl } from '../sysctl.js';

const report = reporter('jit', 'machine', 'BPF compiler (JIT)');

export function jit({ files }: DoctorInput): Finding[] {
  const value = sysctl(files, 'net.core.bpf_jit_enable');
  if (value === null)
    return [
      report({
        status: 'skip',
        detail: 'net.core.bpf_jit_enable cannot be read: root is needed, in the first network namespace',
      }),
    ];
  if (value === '0') {
    return [
      report({
        status: 'warn',
        detail: 'off: programs are interpreted',
        remedy: 'sysctl -w net.core.bpf_jit_enable=1',
      }),
    ];
  }
  if (sysctl(files, 'net.core.bpf_jit_harden') === '2') {
    const detail = 'on, but constants are blinded for root too (net.core.bpf_jit_harden=2), which costs speed';
    return [report({ status: 'warn', detail, remedy: 'sysctl -w net.core.bpf_jit_harden=1' })];
  }
  return [report({ status: 'ok', detail: 'on' })];
}
