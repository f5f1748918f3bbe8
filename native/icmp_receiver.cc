#include "icmp_receiver.h"

#include "../bpf/abi.h"
#include "arguments.h"
#include "clock.h"
#include "netns.h"
#include "probe_packet.h"
#include "socket_address.h"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace
{
constexpr int kReceiveBufferBytes = 1024 * 1024;
constexpr int kPacketsPerTurn = 64;
/* Longer packets are no replies to our probes; what is cut off does not matter. */
constexpr size_t kPacketBytes = 2048;
constexpr size_t kMaxIfnameLength = 15;

/** The kernel's receive stamp, or the time of `clock` where there is none. */
int64_t receiveNs(msghdr &header, const ReceiveClock &clock)
{
	for (cmsghdr *control = CMSG_FIRSTHDR(&header); control; control = CMSG_NXTHDR(&header, control)) {
		if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
			timespec stamp;
			memcpy(&stamp, CMSG_DATA(control), sizeof(stamp));
			return clock.toMonotonic(toNs(stamp));
		}
	}
	return clock.nowNs();
}
} // namespace

Napi::Function IcmpReceiver::define(Napi::Env env)
{
	return DefineClass(env, "IcmpReceiver", {jsClose()});
}

IcmpReceiver::IcmpReceiver(const Napi::CallbackInfo &info) : NativeObject(info)
{
	guarded(info.Env(), [&] {
		const Options options(info[0], "options");
		const auto ifindex = static_cast<int>(options.integer("ifindex", 1, INT_MAX));
		options.string("ifname", kMaxIfnameLength);
		family_ = options.family();
		const Bytes key = options.bytes("cookieKey", cookieKey_.size());
		std::copy_n(key.data, cookieKey_.size(), cookieKey_.begin());
		onReply_ = Napi::Persistent(options.function("onReply"));
		if (options.has("onError"))
			onError_ = Napi::Persistent(options.function("onError"));
		withinNetns(options.netns(), [&] { openSocket(ifindex); });
		poll_.open(environment(), fd_.get(), UV_READABLE, [this](int status) { onPoll(status); });
		opened(Lifetime::UntilClosed);
	});
}

IcmpReceiver::~IcmpReceiver()
{
	release();
}

void IcmpReceiver::release() noexcept
{
	poll_.close();
	fd_.reset();
	onReply_.Reset();
	onError_.Reset();
}

void IcmpReceiver::openSocket(int ifindex)
{
	const int protocol = family_ == 4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
	fd_ = UniqueFd(checked(socket(addressFamily(family_), SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol),
			       "socket(SOCK_RAW)"));
	/* First the filter: nothing else is to come in between. */
	if (family_ == 4) {
		icmp_filter filter{};
		filter.data = ~(1U << ICMP_ECHOREPLY);
		checked(setsockopt(fd_.get(), SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)),
			"setsockopt(ICMP_FILTER)");
	} else {
		icmp6_filter filter;
		ICMP6_FILTER_SETBLOCKALL(&filter);
		ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
		checked(setsockopt(fd_.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)),
			"setsockopt(ICMP6_FILTER)");
	}
	setIntOption(fd_.get(), SOL_SOCKET, SO_BINDTOIFINDEX, ifindex, "setsockopt(SO_BINDTOIFINDEX)");
	setIntOption(fd_.get(), SOL_SOCKET, SO_TIMESTAMPNS, 1, "setsockopt(SO_TIMESTAMPNS)");
	setReceiveBuffer(fd_.get(), kReceiveBufferBytes);
}

void IcmpReceiver::onPoll(int status)
{
	/* The local handle keeps the object alive although a callback may close it. */
	Napi::HandleScope handles(Env());
	[[maybe_unused]] const Napi::Object self = Value();
	for (int i = 0; i < kPacketsPerTurn && isOpen(); i++)
		if (!receiveOne())
			break;
	/* A pending socket error stops libuv's watch; it has been read by now. */
	if (status < 0 && isOpen())
		environment().intoJs([this] { poll_.watch(); });
}

bool IcmpReceiver::receiveOne()
{
	uint8_t packet[kPacketBytes];
	alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(timespec))];
	sockaddr_storage sender{};
	iovec vector{.iov_base = packet, .iov_len = sizeof(packet)};
	msghdr header{};
	header.msg_name = &sender;
	header.msg_namelen = sizeof(sender);
	header.msg_iov = &vector;
	header.msg_iovlen = 1;
	header.msg_control = control;
	header.msg_controllen = sizeof(control);
	const ssize_t received = recvmsg(fd_.get(), &header, MSG_DONTWAIT);
	if (received < 0) {
		const int error = errno;
		if (error == EAGAIN)
			return false;
		if (error != EINTR && !onError_.IsEmpty())
			environment().intoJs([&] { onError_.Call({Napi::String::New(Env(), errnoName(error))}); });
		return true;
	}
	const int64_t whenNs = receiveNs(header, ReceiveClock());
	const auto size = static_cast<size_t>(received);
	if (family_ == 6) {
		const auto *from = reinterpret_cast<const sockaddr_in6 *>(&sender);
		report(packet, size, from->sin6_addr.s6_addr, sizeof(from->sin6_addr), whenNs);
		return true;
	}
	/* A raw IPv4 socket sees the IP header, too. */
	const size_t headerBytes = size > 0 ? (packet[0] & 0x0fU) * 4 : 0;
	if (headerBytes < sizeof(iphdr) || headerBytes > size)
		return true;
	const auto *from = reinterpret_cast<const sockaddr_in *>(&sender);
	report(packet + headerBytes, size - headerBytes, reinterpret_cast<const uint8_t *>(&from->sin_addr),
	       sizeof(from->sin_addr), whenNs);
	return true;
}

void IcmpReceiver::report(const uint8_t *icmp, size_t size, const uint8_t *source, size_t sourceSize, int64_t whenNs)
{
	const uint8_t echoReply = family_ == 4 ? static_cast<uint8_t>(ICMP_ECHOREPLY) : ICMP6_ECHO_REPLY;
	probe_payload payload;
	if (size < kIcmpHeaderBytes + sizeof(payload) || icmp[0] != echoReply || icmp[1] != 0)
		return;
	memcpy(&payload, icmp + kIcmpHeaderBytes, sizeof(payload));
	if ((icmp[4] << 8 | icmp[5]) != PROBE_ICMP_ID || payload.magic != PROBE_MAGIC ||
	    payload.cookie != probeCookie(cookieKey_, payload))
		return;
	environment().intoJs([&] {
		const Napi::Env env = Env();
		Napi::Object reply = Napi::Object::New(env);
		reply["session"] = Napi::Number::New(env, payload.session);
		reply["epoch"] = Napi::Number::New(env, payload.epoch);
		reply["sequence"] = Napi::Number::New(env, payload.sequence);
		reply["transmitNs"] = Napi::BigInt::New(env, static_cast<uint64_t>(payload.transmit_ns));
		reply["receiveNs"] = Napi::BigInt::New(env, whenNs);
		auto address = Napi::Uint8Array::New(env, sourceSize);
		std::copy_n(source, sourceSize, address.Data());
		reply["source"] = address;
		onReply_.Call({reply});
	});
}
