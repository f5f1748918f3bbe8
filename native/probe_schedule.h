/** When one stream's next probe is due. Pure: times come in and go out, in CLOCK_MONOTONIC nanoseconds. */
#pragma once

#include <cstdint>
#include <random>

class ProbeSchedule
{
      public:
	ProbeSchedule() = default;
	/** The first probe is due at once. */
	ProbeSchedule(int64_t nowNs, int64_t intervalNs, uint32_t jitterPercent);

	/** A changed interval takes effect at the next probe, which is never further away than it. */
	void change(int64_t nowNs, int64_t intervalNs, uint32_t jitterPercent);

	/** Adds `count` probes from now on; they replace what is left of an earlier burst. */
	void burst(int64_t nowNs, uint32_t count, int64_t spacingNs);

	/** The earliest time at which something is due. */
	int64_t dueNs() const;

	/**
	 * From when on it may be sent together with another stream's probe: as early as the jitter could have put it.
	 * One wake-up then serves many streams, and each gap stays between the interval less its jitter and the
	 * interval.
	 */
	int64_t mayNs() const;

	/**
	 * Accounts for the probe that is due, sent at `nowNs`. Probes missed in a stall are not made up for: a volley
	 * after a pause would measure nothing but itself.
	 */
	void sent(int64_t nowNs, std::minstd_rand &random);

      private:
	int64_t intervalNs_ = 0;
	uint32_t jitterPercent_ = 0;
	int64_t regularNs_ = 0;
	int64_t earliestNs_ = 0;
	uint32_t burstLeft_ = 0;
	int64_t burstNs_ = 0;
	int64_t burstSpacingNs_ = 0;
};
