#include "netlink.h"

#include "arguments.h"
#include "netlink_receive.h"
#include "netns.h"
#include "socket_address.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <climits>

namespace
{
/* A batch is one buffer; the kernel refuses one that is larger than the send buffer with EMSGSIZE. */
constexpr int kSendBufferBytes = 4 * 1024 * 1024;
/* Give other handles a turn. */
constexpr int kDatagramsPerTurn = 64;
} // namespace

Napi::Function NetlinkSocket::define(Napi::Env env)
{
	return DefineClass(env, "NetlinkSocket",
			   {jsGetter<&NetlinkSocket::portId>("portId"), jsMethod<&NetlinkSocket::send>("send"),
			    jsMethod<&NetlinkSocket::joinGroup>("joinGroup"), jsClose()});
}

NetlinkSocket::NetlinkSocket(const Napi::CallbackInfo &info) : NativeObject(info)
{
	guarded(info.Env(), [&] {
		const Options options(info[0], "options");
		const int protocol = static_cast<int>(options.integer("protocol", 0, MAX_LINKS - 1));
		const int receiveBytes = receiveBufferBytes(options);
		const bool strictDump = options.has("strictDump") && options.boolean("strictDump");
		std::vector<int> groups;
		if (options.has("groups")) {
			if (!options.value("groups").IsArray())
				throw ArgumentError("options.groups must be an array");
			const auto array = options.value("groups").As<Napi::Array>();
			for (uint32_t i = 0; i < array.Length(); i++)
				groups.push_back(
				    static_cast<int>(toInteger(array.Get(i), "options.groups[]", 1, INT_MAX)));
		}
		onMessages_ = Napi::Persistent(options.function("onMessages"));
		onError_ = Napi::Persistent(options.function("onError"));

		withinNetns(options.netns(), [&] {
			socket_.reset(mnl_socket_open2(protocol, SOCK_CLOEXEC | SOCK_NONBLOCK));
			checked(socket_ ? 0 : -1, "socket(AF_NETLINK)");
		});
		setReceiveBuffer(mnl_socket_get_fd(socket_.get()), receiveBytes);
		setSendBuffer(mnl_socket_get_fd(socket_.get()), kSendBufferBytes);
		setOption(NETLINK_EXT_ACK, 1, "setsockopt(NETLINK_EXT_ACK)");
		setOption(NETLINK_CAP_ACK, 1, "setsockopt(NETLINK_CAP_ACK)");
		if (strictDump)
			setOption(NETLINK_GET_STRICT_CHK, 1, "setsockopt(NETLINK_GET_STRICT_CHK)");
		checked(mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID), "bind(AF_NETLINK)");
		for (const int group : groups)
			setOption(NETLINK_ADD_MEMBERSHIP, group, "setsockopt(NETLINK_ADD_MEMBERSHIP)");
		portId_ = mnl_socket_get_portid(socket_.get());
		datagram_.resize(kNetlinkDatagramBytes);
		poll_.open(environment(), mnl_socket_get_fd(socket_.get()), UV_READABLE,
			   [this](int status) { onPoll(status); });
		opened(Lifetime::UntilClosed);
	});
}

NetlinkSocket::~NetlinkSocket()
{
	release();
}

void NetlinkSocket::release() noexcept
{
	poll_.close();
	socket_.reset();
	onMessages_.Reset();
	onError_.Reset();
}

void NetlinkSocket::setOption(int option, int value, const char *call)
{
	checked(mnl_socket_setsockopt(socket_.get(), option, &value, sizeof(value)), call);
}

Napi::Value NetlinkSocket::portId(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), portId_);
}

Napi::Value NetlinkSocket::send(const Napi::CallbackInfo &info)
{
	const Bytes messages = toBytes(info[0], "messages");
	requireOpen();
	checked(static_cast<int>(mnl_socket_sendto(socket_.get(), messages.data, messages.size)), "sendto(AF_NETLINK)");
	return info.Env().Undefined();
}

Napi::Value NetlinkSocket::joinGroup(const Napi::CallbackInfo &info)
{
	const int group = static_cast<int>(toInteger(info[0], "group", 1, INT_MAX));
	requireOpen();
	setOption(NETLINK_ADD_MEMBERSHIP, group, "setsockopt(NETLINK_ADD_MEMBERSHIP)");
	return info.Env().Undefined();
}

void NetlinkSocket::onPoll(int status)
{
	/* The local handle keeps the object alive although a callback may close it. */
	Napi::HandleScope handles(Env());
	[[maybe_unused]] const Napi::Object self = Value();
	for (int i = 0; i < kDatagramsPerTurn && isOpen(); i++)
		if (!receiveOne())
			break;
	/* A pending socket error (ENOBUFS) stops libuv's watch; it has been read by now. */
	if (status < 0 && isOpen())
		environment().intoJs([this] { poll_.watch(); });
}

bool NetlinkSocket::receiveOne()
{
	const auto [error, bytes] = receiveFromKernel(mnl_socket_get_fd(socket_.get()), datagram_);
	if (error == EAGAIN)
		return false;
	if (!error && bytes == 0)
		return true;
	environment().intoJs([&, error = error, bytes = bytes] {
		const Napi::Env env = Env();
		if (error)
			onError_.Call({Napi::String::New(env, errnoName(error))});
		else
			onMessages_.Call({Napi::Buffer<uint8_t>::Copy(env, datagram_.data(), bytes)});
	});
	return true;
}
