/** Real-time scheduling, where it is allowed. */
#pragma once

#include <pthread.h>
#include <sched.h>

constexpr int kMaxRealtimePriority = 99;

/** SCHED_FIFO at `priority` (0: do not ask). False: the thread is scheduled as any other. */
inline bool makeRealtime(pthread_t thread, int priority)
{
	sched_param parameters{};
	parameters.sched_priority = priority;
	return priority > 0 && pthread_setschedparam(thread, SCHED_FIFO, &parameters) == 0;
}
