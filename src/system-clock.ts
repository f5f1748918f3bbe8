/** The controller's clock: CLOCK_MONOTONIC, the one that the BPF programs and the transmitter thread use, too. */
import type { Clock } from './controller/ports.js';

const NS_PER_US = 1000n;
const US_PER_MS = 1000;
/** setTimeout's limit; a longer wait is made of several. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  // hrtime is uv_hrtime, which is clock_gettime(CLOCK_MONOTONIC) on Linux.
  nowUs: () => Number(process.hrtime.bigint() / NS_PER_US),
  wallMs: () => Date.now(),
  at(atUs, callback) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const waitMs = Math.ceil((atUs - systemClock.nowUs()) / US_PER_MS);
      timer = setTimeout(elapsed, Math.min(Math.max(0, waitMs), MAX_TIMEOUT_MS));
    };
    // Node counts from the loop's own time, in whole milliseconds, and so may be early by up to one.
    const elapsed = (): void => {
      if (systemClock.nowUs() < atUs) arm();
      else callback();
    };
    arm();
    return () => clearTimeout(timer);
  },
};
