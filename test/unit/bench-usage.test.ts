import { describe, expect, it } from 'vitest';
import { cpuTicks, residentMb } from '../../src/bench/process-usage.js';

describe('what a process uses', () => {
  it('adds user and system time, whatever the name of the process contains', () => {
    const stat = '42 (a ) S 1 (b) R 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 11 0 1000 0 0';
    expect(cpuTicks(stat)).toBe(300);
  });

  it('refuses text that is not a line of stat', () => {
    expect(() => cpuTicks('nothing of the kind')).toThrow('/proc/PID/stat');
  });

  it('reads the resident size in MiB', () => {
    expect(residentMb('Name:\tnode\nVmPeak:\t  900000 kB\nVmRSS:\t   81920 kB\n')).toBe(80);
  });

  it('refuses a status without a resident size', () => {
    expect(() => residentMb('Name:\tkthreadd\n')).toThrow('VmRSS');
  });
});
