#include "traffic_source.h"

#include "arguments.h"
#include "clock.h"
#include "netns.h"
#include "thread_priority.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstring>

namespace
{
constexpr uint32_t kMaxPacketsPerSecond = 10'000'000;
constexpr uint32_t kMaxPayloadBytes = 65'507; /* what IPv4 has room for */
constexpr int kSendBufferBytes = 4 * 1024 * 1024;
/* How long a stop may take. */
constexpr int64_t kMaxSleepNs = 20 * kNsPerMs;

UniqueFd openSocket(int family, const SocketAddress &source)
{
	UniqueFd fd(checked(socket(addressFamily(family), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
	setSendBuffer(fd.get(), kSendBufferBytes);
	checked(bind(fd.get(), source.get(), source.size), "bind");
	/* Not connected: on a connected socket an ICMP error of an earlier packet makes a later one fail. */
	return fd;
}
} // namespace

Napi::Function TrafficSource::define(Napi::Env env)
{
	return DefineClass(env, "TrafficSource",
			   {jsGetter<&TrafficSource::sent>("sent"), jsGetter<&TrafficSource::sendErrors>("sendErrors"),
			    jsMethod<&TrafficSource::stop>("stop")});
}

TrafficSource::TrafficSource(const Napi::CallbackInfo &info) : NativeObject(info)
{
	guarded(info.Env(), [&] {
		const Options options(info[0], "options");
		const int family = options.family();
		const auto port = static_cast<uint16_t>(options.u32("port", 1, UINT16_MAX));
		const SocketAddress source =
		    parseAddress(family, options.string("source", INET6_ADDRSTRLEN), 0, "options.source");
		destination_ =
		    parseAddress(family, options.string("destination", INET6_ADDRSTRLEN), port, "options.destination");
		packetsPerSecond_ = options.u32("packetsPerSecond", 1, kMaxPacketsPerSecond);
		payload_.resize(options.u32("payloadBytes", sizeof(TrafficPayload), kMaxPayloadBytes));
		maxPackets_ = options.u32("maxPackets", 1, kMaxTrafficPackets);
		const int priority =
		    options.has("realtimePriority")
			? static_cast<int>(options.integer("realtimePriority", 0, kMaxRealtimePriority))
			: 0;
		transmitNs_.emplace(maxPackets_);
		/* The socket stays in the namespace where it was opened: the thread itself need not go there. */
		withinNetns(options.netns(), [&] { fd_ = openSocket(family, source); });
		thread_ = std::thread([this] { run(); });
		pthread_setname_np(thread_.native_handle(), "detour-source");
		(void)makeRealtime(thread_.native_handle(), priority);
		opened(Lifetime::Collectable);
	});
}

TrafficSource::~TrafficSource()
{
	release();
}

void TrafficSource::release() noexcept
{
	stopping_ = true;
	if (thread_.joinable())
		thread_.join();
	fd_.reset();
}

void TrafficSource::run()
{
	/* The default slack of 50 us is half a gap at 10,000 packets a second. */
	prctl(PR_SET_TIMERSLACK, 1);
	const int64_t startNs = monotonicNs();
	int64_t previousNs = 0;
	for (int64_t sequence = 0; sequence < maxPackets_; sequence++) {
		if (!sleepUntil(startNs + sequence * kNsPerSecond / packetsPerSecond_))
			return;
		const int64_t nowNs = monotonicNs();
		/* After a stall of this thread: the packets that were due in it are left out, not sent in a volley.
		 * Their transmit time stays 0, so that nobody counts them as lost. */
		const auto dueSequence =
		    static_cast<int64_t>(static_cast<__int128>(nowNs - startNs) * packetsPerSecond_ / kNsPerSecond);
		const int64_t next = std::min<int64_t>(std::max(sequence, dueSequence), maxPackets_);
		skipped_ += static_cast<uint32_t>(next - sequence);
		sequence = next;
		if (sequence == maxPackets_)
			return;
		sendOne(static_cast<uint32_t>(sequence), nowNs);
		if (previousNs)
			maxGapNs_ = std::max(maxGapNs_, nowNs - previousNs);
		previousNs = nowNs;
	}
}

bool TrafficSource::sleepUntil(int64_t dueNs) const
{
	while (!stopping_) {
		const int64_t nowNs = monotonicNs();
		if (nowNs >= dueNs)
			return true;
		const timespec wake = toTimespec(std::min(dueNs, nowNs + kMaxSleepNs));
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr);
	}
	return false;
}

void TrafficSource::sendOne(uint32_t sequence, int64_t nowNs)
{
	const TrafficPayload payload{.magic = kTrafficMagic, .sequence = sequence, .transmitNs = nowNs};
	memcpy(payload_.data(), &payload, sizeof(payload));
	if (sendto(fd_.get(), payload_.data(), payload_.size(), MSG_DONTWAIT, destination_.get(), destination_.size) <
	    0) {
		sendErrors_++;
		return;
	}
	(*transmitNs_)[sequence] = nowNs;
	sent_++;
}

Napi::Value TrafficSource::sent(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), sent_);
}

Napi::Value TrafficSource::sendErrors(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), sendErrors_);
}

Napi::Value TrafficSource::stop(const Napi::CallbackInfo &info)
{
	close(info);
	const Napi::Env env = info.Env();
	auto transmitNs = Napi::BigInt64Array::New(env, maxPackets_);
	std::copy_n(transmitNs_->data(), maxPackets_, transmitNs.Data());
	Napi::Object result = Napi::Object::New(env);
	result["transmitNs"] = transmitNs;
	result["maxGapUs"] = Napi::Number::New(env, static_cast<double>(maxGapNs_ / kNsPerUs));
	result["skipped"] = Napi::Number::New(env, skipped_);
	return result;
}
