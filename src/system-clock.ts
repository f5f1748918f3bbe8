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
      const waitUs = atUs - systemClock.nowUs();
      // Node counts from the loop's own time, in whole milliseconds: without one more it would mostly be early, and the
      // rest of the millisecond a second timer.
      const waitMs = waitUs <= 0 ? 0 : Math.floor(waitUs / US_PER_MS) + 1;
      timer = setTimeout(elapsed, Math.min(waitMs, MAX_TIMEOUT_MS));
    };
    // The loop's time may be older than that.
    const elapsed = (): void => {
      if (systemClock.nowUs() < atUs) arm();
      else callback();
    };
    arm();
    return () => clearTimeout(timer);
  },
};
