/** CLOCK_MONOTONIC, the one clock of the addon, and what converts to it. Everything is in nanoseconds. */
#pragma once

#include <time.h>

#include <cstdint>

constexpr int64_t kNsPerUs = 1000;
constexpr int64_t kNsPerMs = 1000 * kNsPerUs;
constexpr int64_t kNsPerSecond = 1000 * kNsPerMs;

inline int64_t toNs(const timespec &time)
{
	return time.tv_sec * kNsPerSecond + time.tv_nsec;
}

inline timespec toTimespec(int64_t ns)
{
	return {.tv_sec = ns / kNsPerSecond, .tv_nsec = ns % kNsPerSecond};
}

inline int64_t clockNs(clockid_t clock)
{
	timespec now{};
	clock_gettime(clock, &now);
	return toNs(now);
}

inline int64_t monotonicNs()
{
	return clockNs(CLOCK_MONOTONIC);
}

/**
 * Converts the kernel's receive time stamps (CLOCK_REALTIME, SO_TIMESTAMPNS) with both clocks read at one instant.
 * A stamp that lies in the future or more than ten seconds back means that the wall clock was stepped in between:
 * then the time of this object's making is the best answer.
 */
class ReceiveClock
{
      public:
	ReceiveClock() : monotonicNs_(monotonicNs()), realtimeNs_(clockNs(CLOCK_REALTIME))
	{
	}

	int64_t toMonotonic(int64_t stampRealtimeNs) const
	{
		const int64_t ageNs = realtimeNs_ - stampRealtimeNs;
		if (ageNs < 0 || ageNs > 10 * kNsPerSecond)
			return monotonicNs_;
		return monotonicNs_ - ageNs;
	}
	int64_t nowNs() const
	{
		return monotonicNs_;
	}

      private:
	int64_t monotonicNs_;
	int64_t realtimeNs_;
};
