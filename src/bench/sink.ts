/** The end of the path (bpf/count_drop.bpf.c) on the gateways' side of the router's uplinks. */
import { rmSync } from 'node:fs';
import { BpfObject } from '../libbpf/index.js';
import type { Lab } from '../lab/lab.js';
import { namespacePath } from '../lab/topology.js';
import { sh } from '../lab/shell.js';

const OBJECT = 'build/bpf/count_drop.bpf.o';

export class Sink {
  readonly #object: BpfObject;

  /** Replaces the program that the lab put there. @throws BpfError */
  constructor(lab: Lab) {
    this.#object = BpfObject.open(OBJECT).load();
    const pin = `/sys/fs/bpf/detour-bench-sink-${process.pid}`;
    this.#object.program('detour_count_drop').pin(pin);
    try {
      // Not `ip -n`: that mounts another /sys, in which the pin is not.
      for (const gateway of lab.names.gateways)
        sh('nsenter', `--net=${namespacePath(gateway)}`, 'ip', '-force', 'link', 'set', 'lan', 'xdpdrv', 'pinned', pin);
    } finally {
      rmSync(pin, { force: true });
    }
  }

  /** Packets of the benchmark that arrived until now. */
  packets(): number {
    const perCpu = this.#object.map<number, bigint[]>('discarded').get(0) ?? [];
    return Number(perCpu.reduce((sum, packets) => sum + packets, 0n));
  }

  close(): void {
    this.#object.close();
  }
}
