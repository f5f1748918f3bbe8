/**
 * The thread that takes next hops out of service when their link goes down: it listens to rtnetlink itself and clears
 * their liveness bits, so that a busy event loop costs no packets. It only ever clears; what is alive again is decided
 * elsewhere, by those who read the same messages a little later.
 *
 * The kernel announces a lost carrier as the last thing it does about it. Before, it deletes IPv6 routes that lost
 * their nexthops, and waits for grace periods of RCU in between: such a deletion of a route of ours makes the thread
 * look at its links, and find the one that is down already. It also looks when messages were lost.
 */
#pragma once

#include "link_news.h"
#include "mapping.h"
#include "unique_fd.h"

#include <libmnl/libmnl.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

struct LinkGuardOptions {
	/** An array map of u64 with BPF_F_MMAPABLE, mapped by the guard for itself. */
	int livenessFd;
	/** 0: do not ask for SCHED_FIFO. */
	int realtimePriority;
	/** rtm_protocol of our routes. */
	uint8_t routeProtocol;
	int receiveBufferBytes;
	/** Network namespace file; empty: the current one. */
	std::string netns;
};

class LinkGuard
{
      public:
	/** Link -> next hops whose packets leave by it. */
	using Table = std::multimap<int, uint32_t>;

	/** Starts the thread. Throws SystemError, ArgumentError. */
	explicit LinkGuard(const LinkGuardOptions &options);
	/** Stops the thread and waits for it. */
	~LinkGuard();
	LinkGuard(const LinkGuard &) = delete;
	LinkGuard &operator=(const LinkGuard &) = delete;

	/** Ids that `watch` takes are below this. */
	uint32_t nextHops() const
	{
		return static_cast<uint32_t>(liveness_.size() / sizeof(uint64_t) * 64);
	}
	/** Replaces the table. Once it returns, no message acts by the old one any more. */
	void watch(Table table);

	bool realtime() const
	{
		return realtime_;
	}
	/** Bits that were set and are no more. */
	uint64_t cleared() const
	{
		return cleared_;
	}
	uint64_t messages() const
	{
		return messages_;
	}
	/** Times that the kernel had to drop messages, or sent one too long to take. */
	uint64_t overruns() const
	{
		return overruns_;
	}
	/** errno that ended the thread; 0: it runs. */
	int error() const
	{
		return error_;
	}

      private:
	struct CloseSocket {
		void operator()(mnl_socket *socket) const
		{
			mnl_socket_close(socket);
		}
	};

	void run();
	/** Reads what is pending into `latest_`; false when the socket is beyond use. */
	bool receive();
	/** errno of one receive; EAGAIN: nothing is left. */
	int receiveOne();
	void clearDead();
	/** Under the lock: asks for the state of every link in the table. */
	void look();
	void clear(uint32_t nextHop);

	Mapping liveness_;
	std::unique_ptr<mnl_socket, CloseSocket> socket_;
	UniqueFd stopEvent_;
	bool realtime_ = false;
	std::atomic<uint64_t> cleared_{0};
	std::atomic<uint64_t> messages_{0};
	std::atomic<uint64_t> overruns_{0};
	std::atomic<int> error_{0};

	/* The thread's own. */
	std::vector<uint8_t> datagram_;
	std::map<int, bool> latest_;
	/** The state of all links is to be asked for: there is, or was, more to know than messages say. */
	bool lookDue_ = false;
	/** Messages were dropped since the socket was last empty. */
	bool overrun_ = false;

	std::mutex mutex_;
	Table table_;

	std::thread thread_;
};
