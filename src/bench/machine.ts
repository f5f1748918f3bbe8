/** On what it was measured: without that, a number says nothing. */
import { cpus, release } from 'node:os';

export interface Machine {
  cpu: string;
  cores: number;
  kernel: string;
  node: string;
  /** ISO 8601, UTC. */
  date: string;
}

export function describeMachine(now = new Date()): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    kernel: release(),
    node: process.version,
    date: now.toISOString(),
  };
}
