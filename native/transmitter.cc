#include "transmitter.h"

#include "clock.h"
#include "errors.h"
#include "netns.h"
#include "thread_priority.h"

#include <algorithm>
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

namespace
{
UniqueFd openPacketSocket(bool rawIp)
{
	/* Protocol 0: it sends, and receives nothing. */
	UniqueFd fd(checked(socket(AF_PACKET, (rawIp ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
			    "socket(AF_PACKET)"));
	/* In the first band of pfifo_fast: behind bulk data, a probe would measure our own queue. Not essential. */
	const int priority = TC_PRIO_CONTROL;
	(void)setsockopt(fd.get(), SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority));
	return fd;
}
} // namespace

Transmitter::Transmitter(const SipHashKey &cookieKey, int realtimePriority, std::string netns)
    : cookieKey_(cookieKey), netns_(std::move(netns)),
      timer_(checked(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")),
      wakeEvent_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")), heartbeatNs_(monotonicNs()),
      random_(std::random_device{}())
{
	/* A privilege or a namespace that is missing shows now, not at the first stream. */
	withinNetns(netns_, [] { openPacketSocket(false); });
	thread_ = std::thread([this] { run(); });
	pthread_setname_np(thread_.native_handle(), "detour-probes");
	realtime_ = makeRealtime(thread_.native_handle(), realtimePriority);
}

Transmitter::~Transmitter()
{
	stopping_.store(true, std::memory_order_release);
	wake();
	thread_.join();
}

void Transmitter::setStream(const StreamOptions &options, ProbePacket packet)
{
	const SocketKey key{options.ifindex, options.rawIp};
	{
		const std::lock_guard lock(mutex_);
		acquireSocket(key);
		const int64_t nowNs = monotonicNs();
		const auto [found, isNew] = streams_.try_emplace(options.session);
		Stream &stream = found->second;
		if (!isNew)
			releaseSocket({stream.options.ifindex, stream.options.rawIp});
		if (isNew || stream.options.epoch != options.epoch) {
			stream.schedule = ProbeSchedule(nowNs, options.intervalNs, options.jitterPercent);
			stream.nextSequence = 1;
		} else {
			stream.schedule.change(nowNs, options.intervalNs, options.jitterPercent);
		}
		stream.options = options;
		stream.packet = std::move(packet);
	}
	wake();
}

bool Transmitter::removeStream(uint32_t session)
{
	const std::lock_guard lock(mutex_);
	const auto found = streams_.find(session);
	if (found == streams_.end())
		return false;
	releaseSocket({found->second.options.ifindex, found->second.options.rawIp});
	streams_.erase(found);
	return true;
}

bool Transmitter::burst(uint32_t session, uint32_t count, int64_t spacingNs)
{
	{
		const std::lock_guard lock(mutex_);
		const auto found = streams_.find(session);
		if (found == streams_.end())
			return false;
		found->second.schedule.burst(monotonicNs(), count, spacingNs);
	}
	wake();
	return true;
}

void Transmitter::acquireSocket(const SocketKey &key)
{
	const auto found = sockets_.find(key);
	if (found != sockets_.end()) {
		found->second.users++;
		return;
	}
	Socket socket{.fd = {}, .users = 1};
	withinNetns(netns_, [&] { socket.fd = openPacketSocket(key.second); });
	sockets_.emplace(key, std::move(socket));
}

void Transmitter::releaseSocket(const SocketKey &key)
{
	const auto found = sockets_.find(key);
	if (--found->second.users > 0)
		return;
	closer_.close(std::move(found->second.fd));
	sockets_.erase(found);
}

void Transmitter::wake()
{
	(void)eventfd_write(wakeEvent_.get(), 1);
}

void Transmitter::run()
{
	while (!stopping_.load(std::memory_order_acquire)) {
		const int64_t wokenNs = monotonicNs();
		const int64_t nextNs = sendDue();
		/* After the log is written: who sees a new heartbeat also finds how late the sends were. */
		heartbeatNs_.store(wokenNs, std::memory_order_release);
		sleepUntil(nextNs);
	}
}

int64_t Transmitter::sendDue()
{
	const std::lock_guard lock(mutex_);
	const int64_t nowNs = monotonicNs();
	const bool due = std::any_of(streams_.begin(), streams_.end(),
				     [nowNs](const auto &entry) { return entry.second.schedule.dueNs() <= nowNs; });
	int64_t nextNs = INT64_MAX;
	for (auto &[session, stream] : streams_) {
		/* One each: a burst with no spacing still lets the other streams in between. */
		if (due && stream.schedule.mayNs() <= monotonicNs())
			sendOne(stream);
		nextNs = std::min(nextNs, stream.schedule.dueNs());
	}
	return nextNs;
}

void Transmitter::sendOne(Stream &stream)
{
	const int64_t dueNs = stream.schedule.dueNs();
	const uint32_t sequence = stream.nextSequence++;
	sockaddr_ll address{};
	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(stream.packet.protocol());
	address.sll_ifindex = stream.options.ifindex;
	const int fd = sockets_.at({stream.options.ifindex, stream.options.rawIp}).fd.get();

	const int64_t nowNs = monotonicNs();
	stream.packet.stamp(cookieKey_, sequence, static_cast<uint64_t>(nowNs));
	const auto &frame = stream.packet.frame();
	const ssize_t sent = sendto(fd, frame.data(), frame.size(), MSG_DONTWAIT,
				    reinterpret_cast<const sockaddr *>(&address), sizeof(address));
	const int error = sent < 0 ? errno : 0;
	stream.schedule.sent(nowNs, random_);
	log_.push({.session = stream.options.session,
		   .epoch = stream.options.epoch,
		   .sequence = sequence,
		   .error = error,
		   .transmitNs = nowNs,
		   .lateNs = std::max<int64_t>(0, nowNs - dueNs)});
}

void Transmitter::sleepUntil(int64_t dueNs)
{
	const int64_t wakeNs = std::min(dueNs, heartbeatNs() + kHeartbeatNs);
	/* A time in the past fires at once; zero would disarm the timer, and CLOCK_MONOTONIC is past zero. */
	itimerspec timer{};
	timer.it_value = toTimespec(wakeNs);
	timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &timer, nullptr);
	pollfd waits[2] = {{.fd = timer_.get(), .events = POLLIN, .revents = 0},
			   {.fd = wakeEvent_.get(), .events = POLLIN, .revents = 0}};
	poll(waits, 2, -1);
	/* Setting the timer again clears an expiry; an event has to be read. */
	eventfd_t events = 0;
	if (waits[1].revents)
		(void)eventfd_read(wakeEvent_.get(), &events);
}
