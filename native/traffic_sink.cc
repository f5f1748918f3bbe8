#include "traffic_sink.h"

#include "arguments.h"
#include "clock.h"
#include "netns.h"
#include "socket_address.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace
{
/* Some seconds of 10,000 packets a second while the thread does not run. */
constexpr int kReceiveBufferBytes = 64 * 1024 * 1024;
constexpr size_t kBatch = 64;
/* More than the receive buffer holds. */
constexpr int kMaxFinalBatches = 4096;

UniqueFd openSocket(int family, const SocketAddress &address)
{
	UniqueFd fd(checked(socket(addressFamily(family), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
	setReceiveBuffer(fd.get(), kReceiveBufferBytes);
	if (family == 4)
		setIntOption(fd.get(), SOL_IP, IP_PKTINFO, 1, "setsockopt(IP_PKTINFO)");
	else
		setIntOption(fd.get(), SOL_IPV6, IPV6_RECVPKTINFO, 1, "setsockopt(IPV6_RECVPKTINFO)");
	setIntOption(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, 1, "setsockopt(SO_TIMESTAMPNS)");
	checked(bind(fd.get(), address.get(), address.size), "bind");
	return fd;
}
} // namespace

Napi::Function TrafficSink::define(Napi::Env env)
{
	return DefineClass(env, "TrafficSink",
			   {jsGetter<&TrafficSink::received>("received"),
			    jsMethod<&TrafficSink::takeCounts>("takeCounts"), jsMethod<&TrafficSink::stop>("stop")});
}

TrafficSink::TrafficSink(const Napi::CallbackInfo &info) : NativeObject(info)
{
	guarded(info.Env(), [&] {
		const Options options(info[0], "options");
		const int family = options.family();
		const auto port = static_cast<uint16_t>(options.u32("port", 1, UINT16_MAX));
		const SocketAddress address =
		    parseAddress(family, options.string("address", INET6_ADDRSTRLEN), port, "options.address");
		maxPackets_ = options.u32("maxPackets", 1, kMaxTrafficPackets);
		receiveNs_.emplace(maxPackets_);
		ifindex_.emplace(maxPackets_);
		stopEvent_ = UniqueFd(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
		withinNetns(options.netns(), [&] { fd_ = openSocket(family, address); });
		thread_ = std::thread([this] { run(); });
		pthread_setname_np(thread_.native_handle(), "detour-sink");
		opened(Lifetime::Collectable);
	});
}

TrafficSink::~TrafficSink()
{
	release();
}

void TrafficSink::release() noexcept
{
	if (thread_.joinable()) {
		(void)eventfd_write(stopEvent_.get(), 1);
		thread_.join();
		overruns_ = socketDrops(fd_.get());
	}
	fd_.reset();
	stopEvent_.reset();
}

void TrafficSink::run()
{
	for (;;) {
		pollfd waits[2] = {{.fd = fd_.get(), .events = POLLIN, .revents = 0},
				   {.fd = stopEvent_.get(), .events = POLLIN, .revents = 0}};
		poll(waits, 2, -1);
		if (waits[1].revents)
			break;
		receiveBatch();
	}
	/* What had arrived before the stop still counts; but a stream that does not end must not hold it up. */
	for (int batches = 0; batches < kMaxFinalBatches && receiveBatch(); batches++) {
	}
}

bool TrafficSink::receiveBatch()
{
	/* The padding behind the payload is cut off: nobody looks at it. */
	TrafficPayload payloads[kBatch];
	alignas(cmsghdr) uint8_t controls[kBatch][CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(timespec))];
	iovec vectors[kBatch];
	mmsghdr headers[kBatch] = {};
	for (size_t i = 0; i < kBatch; i++) {
		vectors[i] = {.iov_base = &payloads[i], .iov_len = sizeof(payloads[i])};
		headers[i].msg_hdr.msg_iov = &vectors[i];
		headers[i].msg_hdr.msg_iovlen = 1;
		headers[i].msg_hdr.msg_control = controls[i];
		headers[i].msg_hdr.msg_controllen = sizeof(controls[i]);
	}
	const int count = recvmmsg(fd_.get(), headers, kBatch, MSG_DONTWAIT, nullptr);
	if (count <= 0)
		return false;
	const ReceiveClock clock;
	const std::lock_guard lock(countsMutex_);
	for (int i = 0; i < count; i++)
		if (headers[i].msg_len == sizeof(TrafficPayload) && payloads[i].magic == kTrafficMagic)
			note(payloads[i], headers[i].msg_hdr, clock);
	return true;
}

void TrafficSink::note(const TrafficPayload &payload, msghdr &header, const ReceiveClock &clock)
{
	if (payload.sequence >= maxPackets_)
		return;
	int64_t whenNs = clock.nowNs();
	int ifindex = 0;
	for (cmsghdr *control = CMSG_FIRSTHDR(&header); control; control = CMSG_NXTHDR(&header, control)) {
		if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
			timespec stamp;
			memcpy(&stamp, CMSG_DATA(control), sizeof(stamp));
			whenNs = clock.toMonotonic(toNs(stamp));
		} else if (control->cmsg_level == SOL_IP && control->cmsg_type == IP_PKTINFO) {
			in_pktinfo info;
			memcpy(&info, CMSG_DATA(control), sizeof(info));
			ifindex = info.ipi_ifindex;
		} else if (control->cmsg_level == SOL_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
			in6_pktinfo info;
			memcpy(&info, CMSG_DATA(control), sizeof(info));
			ifindex = static_cast<int>(info.ipi6_ifindex);
		}
	}
	if ((*receiveNs_)[payload.sequence] != 0) {
		duplicates_++;
		return;
	}
	(*receiveNs_)[payload.sequence] = whenNs;
	(*ifindex_)[payload.sequence] = ifindex;
	counts_[ifindex]++;
	received_++;
}

Napi::Value TrafficSink::received(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), received_);
}

Napi::Value TrafficSink::takeCounts(const Napi::CallbackInfo &info)
{
	std::map<int, uint32_t> taken;
	{
		const std::lock_guard lock(countsMutex_);
		taken.swap(counts_);
	}
	Napi::Array result = Napi::Array::New(info.Env());
	for (const auto &[ifindex, packets] : taken) {
		Napi::Object entry = Napi::Object::New(info.Env());
		entry["ifindex"] = Napi::Number::New(info.Env(), ifindex);
		entry["packets"] = Napi::Number::New(info.Env(), packets);
		result[result.Length()] = entry;
	}
	return result;
}

Napi::Value TrafficSink::stop(const Napi::CallbackInfo &info)
{
	close(info);
	const Napi::Env env = info.Env();
	auto receiveNs = Napi::BigInt64Array::New(env, maxPackets_);
	std::copy_n(receiveNs_->data(), maxPackets_, receiveNs.Data());
	auto ifindex = Napi::Int32Array::New(env, maxPackets_);
	std::copy_n(ifindex_->data(), maxPackets_, ifindex.Data());
	Napi::Object result = Napi::Object::New(env);
	result["receiveNs"] = receiveNs;
	result["ifindex"] = ifindex;
	result["duplicates"] = Napi::Number::New(env, duplicates_);
	result["overruns"] = Napi::Number::New(env, overruns_);
	return result;
}
