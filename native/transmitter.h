/**
 * The thread that sends probes. JavaScript's thread changes its streams under a lock; the thread itself holds the lock
 * only while it looks and sends (non-blocking sockets). It sleeps on a timerfd with absolute times, woken by an eventfd
 * when the streams change. Sockets that nobody needs any more are closed on another thread.
 */
#pragma once

#include "descriptor_closer.h"
#include "probe_packet.h"
#include "probe_schedule.h"
#include "transmit_log.h"
#include "unique_fd.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>

class Transmitter
{
      public:
	/** The thread wakes at least this often, so that an old heartbeat always means a stall. */
	static constexpr int64_t kHeartbeatNs = 20'000'000;

	struct StreamOptions {
		uint32_t session;
		uint32_t epoch;
		int ifindex;
		bool rawIp;
		int64_t intervalNs;
		uint32_t jitterPercent;
	};

	/** Starts the thread. @param realtimePriority 0: do not ask for SCHED_FIFO. Throws SystemError. */
	Transmitter(const SipHashKey &cookieKey, int realtimePriority, std::string netns);
	/** Stops the thread, closes all sockets and waits for both. */
	~Transmitter();
	Transmitter(const Transmitter &) = delete;
	Transmitter &operator=(const Transmitter &) = delete;

	bool realtime() const
	{
		return realtime_;
	}
	/** Adds or replaces; a stream with the same epoch goes on with its sequence numbers and its rhythm. */
	void setStream(const StreamOptions &options, ProbePacket packet);
	/** False: no such stream. */
	bool removeStream(uint32_t session);
	bool burst(uint32_t session, uint32_t count, int64_t spacingNs);

	int64_t heartbeatNs() const
	{
		return heartbeatNs_.load(std::memory_order_acquire);
	}
	/** To be read by one thread only. */
	TransmitLog &log()
	{
		return log_;
	}

      private:
	struct Stream {
		StreamOptions options;
		ProbePacket packet;
		ProbeSchedule schedule;
		uint32_t nextSequence = 1;
	};
	/** One socket for each device and kind, so that one full device queue does not hold up the others' probes. */
	using SocketKey = std::pair<int, bool>;
	struct Socket {
		UniqueFd fd;
		unsigned users = 0;
	};

	void run();
	/** Sends all that is due and returns when the next is. */
	int64_t sendDue();
	void sendOne(Stream &stream);
	void sleepUntil(int64_t dueNs);
	void wake();

	void acquireSocket(const SocketKey &key);
	void releaseSocket(const SocketKey &key);

	const SipHashKey cookieKey_;
	const std::string netns_;
	bool realtime_ = false;
	UniqueFd timer_;
	UniqueFd wakeEvent_;
	std::atomic<bool> stopping_{false};
	std::atomic<int64_t> heartbeatNs_{0};
	TransmitLog log_;
	std::minstd_rand random_;

	DescriptorCloser closer_;
	std::mutex mutex_;
	std::unordered_map<uint32_t, Stream> streams_;
	std::map<SocketKey, Socket> sockets_;

	std::thread thread_;
};
