/**
 * When did the transmitter thread, and so perhaps the whole machine, stand still? (invariant 5: blind is not dead)
 *
 * While it stood still the clock of outstanding probes stood still too: the stall is added to their timeout. A stalled
 * machine so declares nothing lost, and one that is late all the time still finds a dead path, only later; discarding
 * the probes instead would make it never find one.
 */
import type { TelemetryBlind } from '../../controller/ports.js';

/** Lateness below this is ordinary scheduling and is not accounted. */
const LATE_US = 2_000;
/** A standing stall is told again at most this often. */
const REPEAT_US = 1_000_000;

export class Blindness {
  /** Sum of all stalls that are over. A probe's own share is the growth since it was sent. */
  totalUs = 0;
  /** Stalls (late sends) longer than LATE_US. */
  windows = 0;
  #report: (blind: TelemetryBlind) => void;
  #lastStandingReportUs = Number.NEGATIVE_INFINITY;
  /** End of the latest stall: several streams that were all due then must not add it several times. */
  #accountedUntilUs = Number.NEGATIVE_INFINITY;

  constructor(report: (blind: TelemetryBlind) => void) {
    this.#report = report;
  }

  /**
   * A send happened at `atUs`, `lateUs` after its plan.
   * @param reportFromUs stalls at least this long are told to the controller
   */
  noteSend(atUs: number, lateUs: number, reportFromUs: number): void {
    if (lateUs < LATE_US) return;
    const fromUs = Math.max(atUs - lateUs, this.#accountedUntilUs);
    if (atUs - fromUs < LATE_US) return;
    this.#accountedUntilUs = atUs;
    this.totalUs += atUs - fromUs;
    this.windows++;
    if (atUs - fromUs < reportFromUs) return;
    const detail = `the probe transmitter ran ${((atUs - fromUs) / 1000).toFixed(1)} ms late`;
    this.#report({ fromUs, toUs: atUs, detail });
  }

  /**
   * How long the thread is at least overdue at `nowUs`: a stall that is not over yet. 0: it is on time.
   * @param heartbeatUs its last wake-up
   * @param maximumSleepUs the longest it may sleep as things are (shortest interval of its streams)
   */
  standingUs(nowUs: number, heartbeatUs: number, maximumSleepUs: number, reportFromUs: number): number {
    const dueUs = Math.max(heartbeatUs + maximumSleepUs, this.#accountedUntilUs);
    const overdueUs = nowUs - dueUs;
    if (overdueUs < LATE_US) return 0;
    if (overdueUs >= reportFromUs && nowUs - this.#lastStandingReportUs >= REPEAT_US) {
      this.#lastStandingReportUs = nowUs;
      const detail = `the probe transmitter has not run for ${(overdueUs / 1000).toFixed(1)} ms`;
      this.#report({ fromUs: dueUs, toUs: nowUs, detail });
    }
    return overdueUs;
  }
}
