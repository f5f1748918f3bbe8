#include "path_socket.h"

#include "arguments.h"
#include "clock.h"
#include "errors.h"
#include "loop_handle.h"
#include "netns.h"
#include "socket_address.h"
#include "unique_fd.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

namespace
{
constexpr size_t kMaxIfnameLength = 15;
constexpr int64_t kMaxTimeoutMs = 3'600'000;

struct Path {
	bool tcp;
	int family;
	std::string ifname;
	uint32_t mark;
	SocketAddress source;
	SocketAddress destination;
	uint64_t timeoutMs;
	std::string netns;
};

Path readPath(const Napi::CallbackInfo &info)
{
	const Options options(info[0], "options");
	Path path;
	const std::string kind = options.string("kind", 3);
	if (kind != "tcp" && kind != "udp")
		throw ArgumentError("options.kind must be \"tcp\" or \"udp\"");
	path.tcp = kind == "tcp";
	path.family = options.family();
	path.ifname = options.string("ifname", kMaxIfnameLength);
	if (path.ifname.empty())
		throw ArgumentError("options.ifname must not be empty");
	path.mark = options.u32("mark");
	const size_t addressBytes = path.family == 4 ? sizeof(in_addr) : sizeof(in6_addr);
	const auto port = static_cast<uint16_t>(options.u32("port", 1, UINT16_MAX));
	const uint32_t scopeId = options.u32("scopeId");
	path.source = makeAddress(path.family, options.bytes("source", addressBytes).data, 0, scopeId);
	path.destination = makeAddress(path.family, options.bytes("destination", addressBytes).data, port, scopeId);
	path.timeoutMs = static_cast<uint64_t>(options.integer("timeoutMs", 1, kMaxTimeoutMs));
	path.netns = options.netns();
	return path;
}

UniqueFd openSocket(const Path &path)
{
	const int type = (path.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
	UniqueFd fd(checked(socket(addressFamily(path.family), type, 0), "socket"));
	checked(setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, path.ifname.c_str(),
			   static_cast<socklen_t>(path.ifname.size())),
		"setsockopt(SO_BINDTODEVICE)");
	if (path.mark)
		setIntOption(fd.get(), SOL_SOCKET, SO_MARK, static_cast<int>(path.mark), "setsockopt(SO_MARK)");
	/* The port is chosen at connect(), when the whole 4-tuple is known: ports do not run out over many targets. */
	if (path.tcp)
		setIntOption(fd.get(), SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1, "setsockopt(IP_BIND_ADDRESS_NO_PORT)");
	checked(bind(fd.get(), path.source.get(), path.source.size), "bind");
	return fd;
}

/**
 * The kernel's own measure of the handshake (tcpi_rtt, the SYN's round trip), which does not contain the event loop's
 * delay. After a retransmitted SYN there is none: then what has passed since connect().
 */
int64_t handshakeUs(int fd, int64_t startNs)
{
	tcp_info info{};
	socklen_t size = sizeof(info);
	const bool known = getsockopt(fd, SOL_TCP, TCP_INFO, &info, &size) == 0;
	if (known && info.tcpi_rtt > 0 && info.tcpi_total_retrans == 0)
		return info.tcpi_rtt;
	return (monotonicNs() - startNs) / kNsPerUs;
}

Napi::Object toResult(Napi::Env env, UniqueFd fd, int64_t connectUs)
{
	Napi::Object result = Napi::Object::New(env);
	result["connectUs"] = Napi::Number::New(env, static_cast<double>(connectUs));
	result["fd"] = Napi::Number::New(env, fd.release());
	return result;
}

/** One TCP handshake under way. Owns itself: ends with the handshake, the time-out or the environment. */
class Connecting : public Closable
{
      public:
	Connecting(Environment &environment, Napi::Promise::Deferred deferred, UniqueFd fd, uint64_t timeoutMs,
		   int64_t startNs)
	    : environment_(environment), deferred_(deferred), fd_(std::move(fd)), startNs_(startNs)
	{
		poll_.open(environment_, fd_.get(), UV_WRITABLE, [this](int) { onWritable(); });
		timer_.open(environment_, timeoutMs, [this] { finish(ETIMEDOUT); });
		environment_.add(this);
	}
	~Connecting() override
	{
		environment_.remove(this);
	}
	void release() noexcept override
	{
		delete this;
	}

      private:
	void onWritable()
	{
		int error = 0;
		socklen_t size = sizeof(error);
		if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) < 0)
			error = errno;
		finish(error);
	}
	/** Settles the promise; `this` is gone afterwards. */
	void finish(int error)
	{
		const std::unique_ptr<Connecting> self(this);
		/* libuv must let go of the descriptor before somebody else watches it. */
		poll_.close();
		timer_.close();
		const int64_t connectUs = error ? 0 : handshakeUs(fd_.get(), startNs_);
		environment_.intoJs([&] {
			const Napi::Env env = environment_.env();
			if (error)
				deferred_.Reject(toNativeError(env, SystemError(error, "connect")).Value());
			else
				deferred_.Resolve(toResult(env, std::move(fd_), connectUs));
		});
	}

	Environment &environment_;
	Napi::Promise::Deferred deferred_;
	UniqueFd fd_;
	int64_t startNs_;
	PollHandle poll_;
	TimerHandle timer_;
};

void start(Napi::Env env, const Path &path, const Napi::Promise::Deferred &deferred)
{
	UniqueFd fd;
	withinNetns(path.netns, [&] { fd = openSocket(path); });
	const int64_t startNs = monotonicNs();
	const int result = connect(fd.get(), path.destination.get(), path.destination.size);
	if (result < 0 && errno != EINPROGRESS)
		throw SystemError(errno, "connect");
	if (result == 0) {
		const int64_t connectUs = path.tcp ? handshakeUs(fd.get(), startNs) : 0;
		deferred.Resolve(toResult(env, std::move(fd), connectUs));
		return;
	}
	/* Not leaked: it is in the environment's books from here on, and ends itself. */
	new Connecting(Environment::of(env), deferred, std::move(fd), path.timeoutMs, startNs);
}
} // namespace

Napi::Value openPathSocket(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	const Path path = readPath(info);
	const auto deferred = Napi::Promise::Deferred::New(env);
	try {
		guarded(env, [&] { start(env, path, deferred); });
	} catch (const Napi::Error &error) {
		deferred.Reject(error.Value());
	}
	return deferred.Promise();
}
