#include "program_run.h"

#include "arguments.h"
#include "errors.h"
#include "netns.h"

#include <bpf/bpf.h>

#include <climits>
#include <vector>

namespace
{
/* The kernel's limit is a few pages of fragments; beyond 64 KiB there are no frames. */
constexpr size_t kMaxFrameBytes = 65536;
/* What a program can add: XDP_PACKET_HEADROOM (256) in front, the rest of the page behind. */
constexpr size_t kGrowthBytes = 4096;
} // namespace

Napi::Value programTestRun(const Napi::CallbackInfo &info)
{
	const int programFd = toFd(info[0], "programFd");
	const Bytes frame = toBytes(info[1], "frame");
	if (frame.size > kMaxFrameBytes)
		throw ArgumentError("frame must have at most " + std::to_string(kMaxFrameBytes) + " bytes");
	const int repeat = static_cast<int>(toInteger(info[3], "repeat", 1, INT_MAX));

	std::vector<uint8_t> out(frame.size + kGrowthBytes);
	xdp_md context{};
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data, .data_out = out.data(),
			    .data_size_in = static_cast<__u32>(frame.size),
			    .data_size_out = static_cast<__u32>(out.size()), .repeat = repeat);
	std::string netns;
	if (!info[2].IsNull()) {
		const Options given(info[2], "context");
		context.data_end = static_cast<__u32>(frame.size);
		context.ingress_ifindex = given.u32("ingressIfindex");
		context.rx_queue_index = given.u32("rxQueueIndex");
		options.ctx_in = &context;
		options.ctx_size_in = sizeof(context);
		netns = given.netns();
	}
	withinNetns(netns, [&] { checked(bpf_prog_test_run_opts(programFd, &options), "BPF_PROG_TEST_RUN"); });

	Napi::Object result = Napi::Object::New(info.Env());
	result["verdict"] = Napi::Number::New(info.Env(), options.retval);
	result["frame"] = Napi::Buffer<uint8_t>::Copy(info.Env(), out.data(), options.data_size_out);
	result["durationNs"] = Napi::Number::New(info.Env(), options.duration);
	return result;
}
