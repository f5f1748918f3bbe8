#include "link_socket.h"

#include "arguments.h"
#include "netns.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace
{
/** Datagrams for one recvmmsg. */
constexpr size_t kBatch = 32;
constexpr uint32_t kMaxReceive = 4096;
constexpr size_t kMaxIfnameLength = 15;
constexpr size_t kMaxDatagramBytes = 65535;
/** Of every message, so that a receiver can tell that no router was in between (RFC 5082). */
constexpr int kHopLimit = 255;
/* From linux/in6.h, which cannot be included next to netinet/in.h. */
constexpr int kIpv6MulticastAll = 29;
#ifndef IP_RECVFRAGSIZE
#define IP_RECVFRAGSIZE 25
#endif
#ifndef IPV6_RECVFRAGSIZE
#define IPV6_RECVFRAGSIZE 77
#endif

/** Address, TTL or hop limit, fragment size. */
constexpr size_t kControlBytes = CMSG_SPACE(sizeof(in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int));

/** DF is set, and what ICMP says of the path is not believed: on a link there is nothing to discover. */
void setOptions4(int fd, int ifindex, const std::vector<uint8_t> &group)
{
	setIntOption(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, "setsockopt(IP_MTU_DISCOVER)");
	setIntOption(fd, SOL_IP, IP_TTL, kHopLimit, "setsockopt(IP_TTL)");
	setIntOption(fd, SOL_IP, IP_MULTICAST_TTL, kHopLimit, "setsockopt(IP_MULTICAST_TTL)");
	setIntOption(fd, SOL_IP, IP_MULTICAST_LOOP, 0, "setsockopt(IP_MULTICAST_LOOP)");
	setIntOption(fd, SOL_IP, IP_MULTICAST_ALL, 0, "setsockopt(IP_MULTICAST_ALL)");
	setIntOption(fd, SOL_IP, IP_RECVTTL, 1, "setsockopt(IP_RECVTTL)");
	setIntOption(fd, SOL_IP, IP_PKTINFO, 1, "setsockopt(IP_PKTINFO)");
	setIntOption(fd, SOL_IP, IP_RECVFRAGSIZE, 1, "setsockopt(IP_RECVFRAGSIZE)");
	ip_mreqn membership{};
	memcpy(&membership.imr_multiaddr, group.data(), sizeof(membership.imr_multiaddr));
	membership.imr_ifindex = ifindex;
	checked(setsockopt(fd, SOL_IP, IP_MULTICAST_IF, &membership, sizeof(membership)),
		"setsockopt(IP_MULTICAST_IF)");
	checked(setsockopt(fd, SOL_IP, IP_ADD_MEMBERSHIP, &membership, sizeof(membership)),
		"setsockopt(IP_ADD_MEMBERSHIP)");
}

void setOptions6(int fd, int ifindex, const std::vector<uint8_t> &group)
{
	setIntOption(fd, SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE, "setsockopt(IPV6_MTU_DISCOVER)");
	setIntOption(fd, SOL_IPV6, IPV6_DONTFRAG, 1, "setsockopt(IPV6_DONTFRAG)");
	setIntOption(fd, SOL_IPV6, IPV6_UNICAST_HOPS, kHopLimit, "setsockopt(IPV6_UNICAST_HOPS)");
	setIntOption(fd, SOL_IPV6, IPV6_MULTICAST_HOPS, kHopLimit, "setsockopt(IPV6_MULTICAST_HOPS)");
	setIntOption(fd, SOL_IPV6, IPV6_MULTICAST_LOOP, 0, "setsockopt(IPV6_MULTICAST_LOOP)");
	/* Linux 4.20. Without it groups that others have joined on the interface come in, too; no harm is in that. */
	const int none = 0;
	(void)setsockopt(fd, SOL_IPV6, kIpv6MulticastAll, &none, sizeof(none));
	setIntOption(fd, SOL_IPV6, IPV6_RECVHOPLIMIT, 1, "setsockopt(IPV6_RECVHOPLIMIT)");
	setIntOption(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1, "setsockopt(IPV6_RECVPKTINFO)");
	setIntOption(fd, SOL_IPV6, IPV6_RECVFRAGSIZE, 1, "setsockopt(IPV6_RECVFRAGSIZE)");
	setIntOption(fd, SOL_IPV6, IPV6_MULTICAST_IF, ifindex, "setsockopt(IPV6_MULTICAST_IF)");
	ipv6_mreq membership{};
	memcpy(&membership.ipv6mr_multiaddr, group.data(), sizeof(membership.ipv6mr_multiaddr));
	membership.ipv6mr_interface = static_cast<unsigned>(ifindex);
	checked(setsockopt(fd, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &membership, sizeof(membership)),
		"setsockopt(IPV6_ADD_MEMBERSHIP)");
}

/** What the kernel says of a datagram besides its bytes. */
struct Facts {
	const void *destination = nullptr;
	int hopLimit = 0;
	bool fragmented = false;
};

Facts factsOf(msghdr &header)
{
	Facts facts;
	for (cmsghdr *control = CMSG_FIRSTHDR(&header); control; control = CMSG_NXTHDR(&header, control)) {
		const uint8_t *data = CMSG_DATA(control);
		if (control->cmsg_level == SOL_IP) {
			if (control->cmsg_type == IP_PKTINFO)
				facts.destination = data + offsetof(in_pktinfo, ipi_addr);
			else if (control->cmsg_type == IP_TTL)
				memcpy(&facts.hopLimit, data, sizeof(facts.hopLimit));
			else if (control->cmsg_type == IP_RECVFRAGSIZE)
				facts.fragmented = true;
		} else if (control->cmsg_level == SOL_IPV6) {
			if (control->cmsg_type == IPV6_PKTINFO)
				facts.destination = data + offsetof(in6_pktinfo, ipi6_addr);
			else if (control->cmsg_type == IPV6_HOPLIMIT)
				memcpy(&facts.hopLimit, data, sizeof(facts.hopLimit));
			else if (control->cmsg_type == IPV6_RECVFRAGSIZE)
				facts.fragmented = true;
		}
	}
	return facts;
}
} // namespace

Napi::Function LinkSocket::define(Napi::Env env)
{
	return DefineClass(env, "LinkSocket",
			   {jsMethod<&LinkSocket::receive>("receive"), jsMethod<&LinkSocket::send>("send"),
			    jsMethod<&LinkSocket::source>("source"), jsGetter<&LinkSocket::overruns>("overruns"),
			    jsClose()});
}

LinkSocket::LinkSocket(const Napi::CallbackInfo &info) : NativeObject(info)
{
	guarded(info.Env(), [&] {
		readOptions(info[0]);
		withinNetns(netns_, [&] { openSocket(); });
		buffers_.resize(kBatch * maximumBytes_);
		poll_.open(environment(), fd_.get(), UV_READABLE, [this](int status) { onPoll(status); });
		opened(Lifetime::UntilClosed);
	});
}

void LinkSocket::readOptions(const Napi::Value &value)
{
	const Options options(value, "options");
	family_ = options.family();
	ifindex_ = static_cast<int>(options.integer("ifindex", 1, INT_MAX));
	ifname_ = options.string("ifname", kMaxIfnameLength);
	port_ = static_cast<uint16_t>(options.u32("port", 1, UINT16_MAX));
	peerPort_ = static_cast<uint16_t>(options.u32("peerPort", 1, UINT16_MAX));
	group_ = options.bytes("group", addressBytes()).copy();
	maximumBytes_ = options.u32("maximumBytes", 1, kMaxDatagramBytes);
	if (options.has("receiveBufferBytes"))
		receiveBufferBytes_ = static_cast<int>(options.integer("receiveBufferBytes", 1, INT_MAX / 2));
	netns_ = options.netns();
	onReadable_ = Napi::Persistent(options.function("onReadable"));
	onError_ = Napi::Persistent(options.function("onError"));
}

LinkSocket::~LinkSocket()
{
	release();
}

void LinkSocket::release() noexcept
{
	poll_.close();
	if (fd_)
		overruns_ = socketDrops(fd_.get());
	fd_.reset();
	onReadable_.Reset();
	onError_.Reset();
}

UniqueFd LinkSocket::openOnLink() const
{
	UniqueFd fd(checked(socket(addressFamily(family_), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
	/* By its name, which may have gone to another interface meanwhile, only before Linux 5.0. */
	if (setsockopt(fd.get(), SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex_, sizeof(ifindex_)) < 0)
		checked(errno == ENOPROTOOPT ? setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, ifname_.c_str(),
							  static_cast<socklen_t>(ifname_.size()))
					     : -1,
			"setsockopt(SO_BINDTODEVICE)");
	return fd;
}

void LinkSocket::openSocket()
{
	fd_ = openOnLink();
	if (receiveBufferBytes_)
		setReceiveBuffer(fd_.get(), *receiveBufferBytes_);
	if (family_ == 4) {
		setOptions4(fd_.get(), ifindex_, group_);
	} else {
		setIntOption(fd_.get(), SOL_IPV6, IPV6_V6ONLY, 1, "setsockopt(IPV6_V6ONLY)");
		setOptions6(fd_.get(), ifindex_, group_);
	}
	/* Last, when all is set: nothing comes in before, so nothing comes without its hop limit. */
	const uint8_t any[sizeof(in6_addr)] = {};
	const SocketAddress address = makeAddress(family_, any, port_, 0);
	checked(bind(fd_.get(), address.get(), address.size), "bind");
}

void LinkSocket::onPoll(int status)
{
	/* The local handle keeps the object alive although a callback may close it. */
	Napi::HandleScope handles(Env());
	[[maybe_unused]] const Napi::Object self = Value();
	if (status >= 0) {
		poll_.unwatch();
		environment().intoJs([this] { onReadable_.Call({}); });
		return;
	}
	/* A pending error stops libuv's watch. Reading the error takes it away; datagrams may wait behind it. */
	int error = 0;
	socklen_t size = sizeof(error);
	if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0)
		report(error);
	if (isOpen())
		environment().intoJs([this] { poll_.watch(); });
}

void LinkSocket::report(int error)
{
	environment().intoJs([&] { onError_.Call({Napi::String::New(Env(), errnoName(error))}); });
}

Napi::Value LinkSocket::receive(const Napi::CallbackInfo &info)
{
	const auto max = static_cast<uint32_t>(toInteger(info[0], "max", 1, kMaxReceive));
	requireOpen();
	Napi::Array datagrams = Napi::Array::New(info.Env());
	while (isOpen() && datagrams.Length() < max)
		if (!receiveBatch(datagrams, max - datagrams.Length()))
			break;
	/* onError may have closed us. */
	if (isOpen() && datagrams.Length() < max)
		poll_.watch();
	return datagrams;
}

bool LinkSocket::receiveBatch(Napi::Array &datagrams, uint32_t max)
{
	sockaddr_in6 senders[kBatch];
	alignas(cmsghdr) uint8_t controls[kBatch][kControlBytes];
	iovec vectors[kBatch];
	mmsghdr headers[kBatch] = {};
	for (size_t i = 0; i < kBatch; i++) {
		vectors[i] = {.iov_base = &buffers_[i * maximumBytes_], .iov_len = maximumBytes_};
		headers[i].msg_hdr.msg_name = &senders[i];
		headers[i].msg_hdr.msg_namelen = sizeof(senders[i]);
		headers[i].msg_hdr.msg_iov = &vectors[i];
		headers[i].msg_hdr.msg_iovlen = 1;
		headers[i].msg_hdr.msg_control = controls[i];
		headers[i].msg_hdr.msg_controllen = sizeof(controls[i]);
	}
	const auto wanted = std::min<uint32_t>(max, kBatch);
	const int count = recvmmsg(fd_.get(), headers, wanted, MSG_DONTWAIT, nullptr);
	if (count < 0) {
		const int error = errno;
		if (error == EAGAIN)
			return false;
		if (error != EINTR)
			report(error);
		return true;
	}
	for (int i = 0; i < count; i++)
		datagrams.Set(datagrams.Length(), toDatagram(headers[i].msg_hdr, headers[i].msg_len));
	return static_cast<uint32_t>(count) == wanted;
}

Napi::Object LinkSocket::toDatagram(msghdr &header, size_t size)
{
	const Napi::Env env = Env();
	const Facts facts = factsOf(header);
	const auto *sender4 = static_cast<const sockaddr_in *>(header.msg_name);
	const auto *sender6 = static_cast<const sockaddr_in6 *>(header.msg_name);
	const bool ipv4 = family_ == 4;
	Napi::Object datagram = Napi::Object::New(env);
	datagram["bytes"] =
	    Napi::Buffer<uint8_t>::Copy(env, static_cast<const uint8_t *>(header.msg_iov->iov_base), size);
	datagram["source"] = toAddress(ipv4 ? static_cast<const void *>(&sender4->sin_addr) : &sender6->sin6_addr);
	datagram["sourcePort"] = Napi::Number::New(env, ntohs(ipv4 ? sender4->sin_port : sender6->sin6_port));
	datagram["destination"] = toAddress(facts.destination);
	datagram["hopLimit"] = Napi::Number::New(env, facts.hopLimit);
	datagram["truncated"] = Napi::Boolean::New(env, (header.msg_flags & MSG_TRUNC) != 0);
	datagram["fragmented"] = Napi::Boolean::New(env, facts.fragmented);
	return datagram;
}

Napi::Uint8Array LinkSocket::toAddress(const void *bytes)
{
	auto address = Napi::Uint8Array::New(Env(), addressBytes());
	if (bytes)
		memcpy(address.Data(), bytes, addressBytes());
	return address;
}

Napi::Value LinkSocket::send(const Napi::CallbackInfo &info)
{
	const Bytes destination = toBytes(info[0], "destination", addressBytes());
	const Bytes bytes = toBytes(info[1], "bytes");
	requireOpen();
	const SocketAddress to = makeAddress(family_, destination.data, peerPort_, static_cast<uint32_t>(ifindex_));
	checked(static_cast<int>(sendto(fd_.get(), bytes.data, bytes.size, MSG_DONTWAIT, to.get(), to.size)), "sendto");
	return info.Env().Undefined();
}

Napi::Value LinkSocket::source(const Napi::CallbackInfo &info)
{
	requireOpen();
	SocketAddress local;
	bool found = false;
	/* A socket of its own, as the kernel keeps what it has once chosen; connecting sends nothing. */
	withinNetns(netns_, [&] {
		const UniqueFd fd = openOnLink();
		const SocketAddress to =
		    makeAddress(family_, group_.data(), peerPort_, static_cast<uint32_t>(ifindex_));
		local.size = sizeof(local.storage);
		found =
		    connect(fd.get(), to.get(), to.size) == 0 && getsockname(fd.get(), local.get(), &local.size) == 0;
	});
	const uint8_t unspecified[sizeof(in6_addr)] = {};
	const auto *bytes =
	    family_ == 4 ? reinterpret_cast<const uint8_t *>(&reinterpret_cast<sockaddr_in *>(local.get())->sin_addr)
			 : reinterpret_cast<sockaddr_in6 *>(local.get())->sin6_addr.s6_addr;
	if (!found || memcmp(bytes, unspecified, addressBytes()) == 0)
		return info.Env().Null();
	return toAddress(bytes);
}

Napi::Value LinkSocket::overruns(const Napi::CallbackInfo &info)
{
	if (fd_)
		overruns_ = socketDrops(fd_.get());
	return Napi::Number::New(info.Env(), overruns_);
}
