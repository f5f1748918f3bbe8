#include "probe_schedule.h"

#include <algorithm>

ProbeSchedule::ProbeSchedule(int64_t nowNs, int64_t intervalNs, uint32_t jitterPercent)
    : intervalNs_(intervalNs), jitterPercent_(jitterPercent), regularNs_(nowNs), earliestNs_(nowNs)
{
}

void ProbeSchedule::change(int64_t nowNs, int64_t intervalNs, uint32_t jitterPercent)
{
	intervalNs_ = intervalNs;
	jitterPercent_ = jitterPercent;
	regularNs_ = std::min(regularNs_, nowNs + intervalNs);
	earliestNs_ = std::min(earliestNs_, regularNs_);
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

int64_t ProbeSchedule::mayNs() const
{
	return burstLeft_ > 0 ? dueNs() : earliestNs_;
}

void ProbeSchedule::sent(int64_t nowNs, std::minstd_rand &random)
{
	if (burstLeft_ > 0 && burstNs_ < regularNs_) {
		burstLeft_--;
		burstNs_ = std::max(burstNs_, nowNs - burstSpacingNs_) + burstSpacingNs_;
		return;
	}
	/* RFC 5880, 6.8.7: each gap is shortened by a random part, so that streams do not fall into step. */
	const int64_t mostJitterNs = intervalNs_ * jitterPercent_ / 100;
	std::uniform_int_distribution<int64_t> jitterNs(0, mostJitterNs);
	const int64_t gapNs = intervalNs_ - jitterNs(random);
	/* Late by more than a gap, or early in company: go on from now instead of from the plan. */
	const int64_t baseNs = std::min(nowNs, std::max(regularNs_, nowNs - gapNs));
	regularNs_ = baseNs + gapNs;
	earliestNs_ = baseNs + intervalNs_ - mostJitterNs;
}
