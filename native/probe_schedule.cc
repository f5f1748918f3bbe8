#include "probe_schedule.h"

#include <algorithm>

ProbeSchedule::ProbeSchedule(int64_t nowNs, int64_t intervalNs, uint32_t jitterPercent)
    : intervalNs_(intervalNs), jitterPercent_(jitterPercent), regularNs_(nowNs)
{
}

void ProbeSchedule::change(int64_t nowNs, int64_t intervalNs, uint32_t jitterPercent)
{
	intervalNs_ = intervalNs;
	jitterPercent_ = jitterPercent;
	regularNs_ = std::min(regularNs_, nowNs + intervalNs);
}

void ProbeSchedule::burst(int64_t nowNs, uint32_t count, int64_t spacingNs)
{
	burstLeft_ = count;
	burstNs_ = nowNs;
	burstSpacingNs_ = spacingNs;
}

int64_t ProbeSchedule::dueNs() const
{
	return burstLeft_ > 0 ? std::min(regularNs_, burstNs_) : regularNs_;
}

void ProbeSchedule::sent(int64_t nowNs, std::minstd_rand &random)
{
	if (burstLeft_ > 0 && burstNs_ < regularNs_) {
		burstLeft_--;
		burstNs_ = std::max(burstNs_, nowNs - burstSpacingNs_) + burstSpacingNs_;
		return;
	}
	/* RFC 5880, 6.8.7: each gap is shortened by a random part, so that streams do not fall into step. */
	std::uniform_int_distribution<int64_t> jitterNs(0, intervalNs_ * jitterPercent_ / 100);
	const int64_t gapNs = intervalNs_ - jitterNs(random);
	/* Late by more than a gap: go on from now instead of from a plan that lies in the past. */
	regularNs_ = std::max(regularNs_, nowNs - gapNs) + gapNs;
}
