/**
 * Closes descriptors on a thread of its own: closing a packet socket waits for a grace period of RCU (packet_release),
 * milliseconds that neither JavaScript's thread nor the one that sends probes has.
 */
#pragma once

#include "unique_fd.h"

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

class DescriptorCloser
{
      public:
	/** Whoever opens and closes faster than the kernel does is slowed down from here on. */
	static constexpr size_t kMaxWaiting = 256;

	/** Starts the thread. Throws std::system_error. */
	DescriptorCloser();
	/** Returns when everything is closed. */
	~DescriptorCloser();
	DescriptorCloser(const DescriptorCloser &) = delete;
	DescriptorCloser &operator=(const DescriptorCloser &) = delete;

	/** Takes it over and returns at once; closes it itself where too many wait. */
	void close(UniqueFd fd);

      private:
	void run();

	std::mutex mutex_;
	std::condition_variable changed_;
	std::vector<UniqueFd> waiting_;
	bool stopping_ = false;
	std::thread thread_;
};
