#include "live_frames.h"

#include "arguments.h"
#include "clock.h"
#include "errors.h"
#include "loop_handle.h"
#include "netns.h"
#include "unique_fd.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <exception>
#include <thread>

namespace
{
/* One page holds a frame with its headroom and the kernel's own structures. */
constexpr size_t kMaxFrameBytes = 3408;
constexpr uint32_t kMaxBatch = 256; /* TEST_XDP_MAX_BATCH */
/* A system call cannot be stopped from outside: so many frames, then a look whether to go on. */
constexpr uint32_t kFramesPerCall = 1 << 18;

struct LiveRunOptions {
	UniqueFd program;
	std::vector<uint8_t> frame;
	uint32_t ifindex;
	uint32_t repeat;
	uint32_t batchSize;
	int cpu;
	std::string netns;
};

void pinTo(int cpu)
{
	if (cpu < 0)
		return;
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET(static_cast<size_t>(cpu), &cpus);
	checked(sched_setaffinity(0, sizeof(cpus), &cpus), "sched_setaffinity");
}

/** One run. Owns itself: ends with its thread or with the environment. */
class LiveRun : public Closable
{
      public:
	LiveRun(Environment &environment, Napi::Promise::Deferred deferred, LiveRunOptions options)
	    : environment_(environment), deferred_(deferred), options_(std::move(options))
	{
		done_.open(environment_, [this] { settle(); });
		environment_.add(this);
		try {
			thread_ = std::thread([this] { run(); });
		} catch (...) {
			environment_.remove(this);
			throw;
		}
	}
	~LiveRun() override
	{
		environment_.remove(this);
		stopping_ = true;
		thread_.join();
	}
	void release() noexcept override
	{
		delete this;
	}

      private:
	void run()
	{
		try {
			enterNetns(options_.netns);
			pinTo(options_.cpu);
			sendAll();
		} catch (...) {
			failure_ = std::current_exception();
		}
		done_.send();
	}
	void sendAll()
	{
		const int64_t startNs = monotonicNs();
		for (uint32_t left = options_.repeat; left > 0 && !stopping_;) {
			const uint32_t frames = std::min(left, kFramesPerCall);
			send(frames);
			left -= frames;
		}
		elapsedNs_ = monotonicNs() - startNs;
	}
	void send(uint32_t frames)
	{
		xdp_md context{};
		context.data_end = static_cast<__u32>(options_.frame.size());
		context.ingress_ifindex = options_.ifindex;
		DECLARE_LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = options_.frame.data(),
				    .data_size_in = static_cast<__u32>(options_.frame.size()), .ctx_in = &context,
				    .ctx_size_in = sizeof(context), .repeat = static_cast<int>(frames),
				    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = options_.batchSize);
		checked(bpf_prog_test_run_opts(options_.program.get(), &run), "BPF_PROG_TEST_RUN (live frames)");
	}
	/** On the loop's thread; `this` is gone afterwards. */
	void settle()
	{
		const std::unique_ptr<LiveRun> self(this);
		environment_.intoJs([this] {
			const Napi::Env env = environment_.env();
			try {
				if (failure_)
					guarded(env, [this] { std::rethrow_exception(failure_); });
				Napi::Object result = Napi::Object::New(env);
				result["elapsedNs"] = Napi::BigInt::New(env, elapsedNs_);
				deferred_.Resolve(result);
			} catch (const Napi::Error &error) {
				deferred_.Reject(error.Value());
			}
		});
	}

	Environment &environment_;
	Napi::Promise::Deferred deferred_;
	const LiveRunOptions options_;
	AsyncHandle done_;
	std::atomic<bool> stopping_{false};
	/* Written by the thread before it sends `done_`, read afterwards. */
	std::exception_ptr failure_;
	int64_t elapsedNs_ = 0;
	std::thread thread_;
};
} // namespace

Napi::Value runLiveFrames(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	const Options given(info[0], "options");
	const auto programFd = static_cast<int>(given.integer("programFd", 0, INT_MAX));
	LiveRunOptions options;
	options.frame = given.bytes("frame").copy();
	if (options.frame.size() > kMaxFrameBytes)
		throw ArgumentError("options.frame must have at most " + std::to_string(kMaxFrameBytes) + " bytes");
	options.ifindex = given.u32("ifindex", 1, INT_MAX);
	options.repeat = given.u32("repeat", 1, INT_MAX);
	options.batchSize = given.u32("batchSize", 1, kMaxBatch);
	options.cpu = static_cast<int>(given.integer("cpu", -1, CPU_SETSIZE - 1));
	options.netns = given.netns();

	const auto deferred = Napi::Promise::Deferred::New(env);
	try {
		guarded(env, [&] {
			/* The caller may close its descriptor while the thread runs. */
			options.program = UniqueFd(checked(fcntl(programFd, F_DUPFD_CLOEXEC, 0), "dup"));
			/* Not leaked: it is in the environment's books from here on, and ends itself. */
			new LiveRun(Environment::of(env), deferred, std::move(options));
		});
	} catch (const Napi::Error &error) {
		deferred.Reject(error.Value());
	}
	return deferred.Promise();
}
