#include "frame_relay.h"

#include "arguments.h"
#include "clock.h"
#include "netns.h"
#include "socket_address.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <functional>

namespace
{
constexpr size_t kMaxInterfaces = 64;
constexpr int kReceiveBufferBytes = 8 * 1024 * 1024;
/** struct virtio_net_hdr; its header file is no C++. */
constexpr size_t kVnetHeaderBytes = 10;
/* An Ethernet frame of a network with jumbo frames. */
constexpr size_t kMaxFrameBytes = 16 * 1024;
constexpr int kFramesPerTurn = 64;
/* A flood through a slow link is lost, as anywhere. */
constexpr size_t kMaxQueued = 65536;
constexpr size_t kMaxLearned = 1024;
constexpr uint32_t kMaxDelayUs = 60'000'000;

/** Where UDP's destination port is: of unfragmented IPv4, and of IPv6 without extension headers. */
constexpr uint32_t kEtherTypeAt = 12;
constexpr uint32_t kIpv4At = 14;
constexpr uint32_t kIpv4ProtocolAt = 23;
constexpr uint32_t kIpv6NextHeaderAt = 20;
constexpr uint32_t kIpv6UdpPortAt = 56;

/** Passes UDP to one of two ports. */
void filterPorts(int fd, uint16_t one, uint16_t other)
{
	sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kEtherTypeAt),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 6, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 10),
	    /* IPv4: the header's length is in its first byte. */
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kIpv4ProtocolAt),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 8),
	    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, kIpv4At),
	    BPF_STMT(BPF_LD | BPF_H | BPF_IND, kIpv4At + 2),
	    BPF_STMT(BPF_JMP | BPF_JA, 3),
	    /* IPv6 */
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kIpv6NextHeaderAt),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 3),
	    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kIpv6UdpPortAt),
	    /* Both: the port. */
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, one, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, other, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const sock_fprog program{.len = static_cast<unsigned short>(std::size(code)), .filter = code};
	checked(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
		"setsockopt(SO_ATTACH_FILTER)");
}

UniqueFd openPort(int ifindex, const std::array<uint16_t, 2> &ports)
{
	UniqueFd fd(checked(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket(AF_PACKET)"));
	filterPorts(fd.get(), ports[0], ports[1]);
	setReceiveBuffer(fd.get(), kReceiveBufferBytes);
	setIntOption(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "setsockopt(PACKET_IGNORE_OUTGOING)");
	/* A frame of a virtual device has no checksum yet; the header in front says so on the way out, too. */
	setIntOption(fd.get(), SOL_PACKET, PACKET_VNET_HDR, 1, "setsockopt(PACKET_VNET_HDR)");
	packet_mreq membership{};
	membership.mr_ifindex = ifindex;
	membership.mr_type = PACKET_MR_PROMISC;
	checked(setsockopt(fd.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof(membership)),
		"setsockopt(PACKET_ADD_MEMBERSHIP)");
	sockaddr_ll address{};
	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(ETH_P_ALL);
	address.sll_ifindex = ifindex;
	checked(bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), "bind(AF_PACKET)");
	return fd;
}

std::vector<int> integersOf(const Options &options, const char *field, int max)
{
	const std::string name = std::string("options.") + field;
	if (!options.value(field).IsArray())
		throw ArgumentError(name + " must be an array");
	const auto array = options.value(field).As<Napi::Array>();
	std::vector<int> result;
	for (uint32_t i = 0; i < array.Length(); i++)
		result.push_back(static_cast<int>(toInteger(array.Get(i), name + "[]", 1, max)));
	return result;
}
} // namespace

Napi::Function FrameRelay::define(Napi::Env env)
{
	return DefineClass(env, "FrameRelay", {jsMethod<&FrameRelay::statistics>("statistics"), jsClose()});
}

FrameRelay::FrameRelay(const Napi::CallbackInfo &info) : NativeObject(info)
{
	guarded(info.Env(), [&] {
		const Options options(info[0], "options");
		const std::vector<int> ifindexes = integersOf(options, "ifindexes", INT_MAX);
		const std::vector<int> ports = integersOf(options, "ports", UINT16_MAX);
		if (ifindexes.size() < 2 || ifindexes.size() > kMaxInterfaces)
			throw ArgumentError("options.ifindexes must have 2 to 64 elements");
		if (ports.size() != 2)
			throw ArgumentError("options.ports must have 2 elements");
		loss_ = options.number("loss", 0, 1);
		duplication_ = options.number("duplication", 0, 1);
		reordering_ = options.number("reordering", 0, 1);
		delayNs_ = options.u32("delayUs", 0, kMaxDelayUs) * kNsPerUs;
		reorderDelayNs_ = options.u32("reorderDelayUs", 0, kMaxDelayUs) * kNsPerUs;
		randomState_ = options.u32("seed");
		const std::array<uint16_t, 2> udpPorts = {static_cast<uint16_t>(ports[0]),
							  static_cast<uint16_t>(ports[1])};
		stopEvent_ = UniqueFd(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
		withinNetns(options.netns(), [&] {
			for (const int ifindex : ifindexes)
				ports_.push_back(openPort(ifindex, udpPorts));
		});
		thread_ = std::thread([this] { run(); });
		pthread_setname_np(thread_.native_handle(), "detour-relay");
		opened(Lifetime::Collectable);
	});
}

FrameRelay::~FrameRelay()
{
	release();
}

void FrameRelay::release() noexcept
{
	if (thread_.joinable()) {
		(void)eventfd_write(stopEvent_.get(), 1);
		thread_.join();
	}
	ports_.clear();
	stopEvent_.reset();
}

void FrameRelay::run()
{
	std::vector<pollfd> waits;
	for (const UniqueFd &port : ports_)
		waits.push_back({.fd = port.get(), .events = POLLIN, .revents = 0});
	waits.push_back({.fd = stopEvent_.get(), .events = POLLIN, .revents = 0});
	for (;;) {
		poll(waits.data(), waits.size(), waitMs());
		if (waits.back().revents)
			return;
		for (size_t port = 0; port < ports_.size(); port++)
			if (waits[port].revents)
				receiveFrom(port);
		sendDue();
	}
}

int FrameRelay::waitMs() const
{
	if (queue_.empty())
		return -1;
	/* Rounded up: a frame that is a millisecond late is what the delay is for. */
	const int64_t leftNs = queue_.top().whenNs - monotonicNs();
	return leftNs <= 0 ? 0 : static_cast<int>(leftNs / kNsPerMs + 1);
}

void FrameRelay::receiveFrom(size_t port)
{
	for (int i = 0; i < kFramesPerTurn; i++) {
		auto frame = std::make_shared<std::vector<uint8_t>>(kVnetHeaderBytes + kMaxFrameBytes);
		const ssize_t size = recv(ports_[port].get(), frame->data(), frame->size(), MSG_DONTWAIT | MSG_TRUNC);
		if (size < 0 && errno == EAGAIN)
			return;
		/* An error of the interface (ENETDOWN) has been read by now; a longer frame is none of ours. */
		if (size < static_cast<ssize_t>(kVnetHeaderBytes + ETH_HLEN) ||
		    static_cast<size_t>(size) > frame->size())
			continue;
		frame->resize(static_cast<size_t>(size));
		received_++;
		relay(port, frame);
	}
}

void FrameRelay::relay(size_t from, const Frame &frame)
{
	const uint8_t *ethernet = frame->data() + kVnetHeaderBytes;
	Mac destination;
	Mac source;
	std::copy_n(ethernet, destination.size(), destination.begin());
	std::copy_n(ethernet + destination.size(), source.size(), source.begin());
	if (learned_.size() < kMaxLearned || learned_.contains(source))
		learned_[source] = from;
	/* As a switch does: to where the address was last heard; to everybody else if it was not, or is a group's. */
	const auto known = learned_.find(destination);
	for (size_t port = 0; port < ports_.size(); port++)
		if (port != from && (known == learned_.end() || known->second == port))
			plan(port, frame);
}

void FrameRelay::plan(size_t port, const Frame &frame)
{
	if (random() < loss_) {
		lost_++;
		return;
	}
	enqueue(port, frame);
	if (random() < duplication_) {
		duplicated_++;
		enqueue(port, frame);
	}
}

void FrameRelay::enqueue(size_t port, const Frame &frame)
{
	if (queue_.size() >= kMaxQueued) {
		lost_++;
		return;
	}
	int64_t whenNs = monotonicNs() + delayNs_;
	if (random() < reordering_) {
		reordered_++;
		whenNs += static_cast<int64_t>(random() * static_cast<double>(reorderDelayNs_));
	}
	queue_.push({.whenNs = whenNs, .number = enqueued_++, .port = port, .frame = frame});
}

void FrameRelay::sendDue()
{
	const int64_t nowNs = monotonicNs();
	while (!queue_.empty() && queue_.top().whenNs <= nowNs) {
		const Due due = queue_.top();
		queue_.pop();
		const ssize_t size = ::send(ports_[due.port].get(), due.frame->data(), due.frame->size(), MSG_DONTWAIT);
		if (size < 0)
			sendErrors_++;
		else
			sent_++;
	}
}

double FrameRelay::random()
{
	uint64_t mixed = randomState_ += 0x9e3779b97f4a7c15;
	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
	mixed ^= mixed >> 31;
	constexpr int kDoubleBits = 53;
	return static_cast<double>(mixed >> (64 - kDoubleBits)) / static_cast<double>(1ULL << kDoubleBits);
}

Napi::Value FrameRelay::statistics(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	Napi::Object result = Napi::Object::New(env);
	result["received"] = Napi::Number::New(env, static_cast<double>(received_));
	result["sent"] = Napi::Number::New(env, static_cast<double>(sent_));
	result["lost"] = Napi::Number::New(env, static_cast<double>(lost_));
	result["duplicated"] = Napi::Number::New(env, static_cast<double>(duplicated_));
	result["reordered"] = Napi::Number::New(env, static_cast<double>(reordered_));
	result["sendErrors"] = Napi::Number::New(env, static_cast<double>(sendErrors_));
	return result;
}
