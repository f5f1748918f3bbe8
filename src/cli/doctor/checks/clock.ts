/** Probes are timed with CLOCK_MONOTONIC; reading a slow clock source costs microseconds, in XDP too. */
import { reporter, type DoctorInput, type Finding } from '../finding.js';

const report = reporter('clock', 'machine', 'Clock');
const DIRECTORY = '/sys/devices/system/clocksource/clocksource0';
/** Read over a bus, one reader at a time. */
const SLOW = new Set(['hpet', 'acpi_pm', 'jiffies', 'refined-jiffies', 'pit']);

export function clock({ files }: DoctorInput): Finding[] {
  const current = files.read(`${DIRECTORY}/current_clocksource`)?.trim();
  if (current === undefined) return [report({ status: 'skip', detail: 'the clock source cannot be read' })];
  if (!SLOW.has(current)) return [report({ status: 'ok', detail: `source ${current}` })];
  const others = (files.read(`${DIRECTORY}/available_clocksource`) ?? '')
    .split(/\s+/)
    .filter((name) => name !== '' && !SLOW.has(name));
  return [
    report({
      status: 'warn',
      detail: `source ${current} is slow to read, and latencies are measured with it`,
      remedy:
        others.length > 0
          ? `echo ${others[0]} > ${DIRECTORY}/current_clocksource`
          : 'boot with a TSC that the kernel trusts (see the kernel log for "clocksource")',
    }),
  ];
}
