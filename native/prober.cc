#include "prober.h"

#include "../bpf/abi.h"
#include "arguments.h"
#include "clock.h"
#include "thread_priority.h"

#include <algorithm>
#include <climits>

namespace
{
/* Below a millisecond the thread would do little else; above an hour nobody waits for the answer. */
constexpr int64_t kMinIntervalUs = 1'000;
constexpr int64_t kMaxIntervalUs = INT64_C(3'600'000'000);
constexpr uint32_t kMaxBurst = 1'000;
/* AF_PACKET sends no more than a link-layer header above the MTU; no probe needs a jumbo frame. */
constexpr size_t kMaxFrameBytes = 9216;
} // namespace

Napi::Function Prober::define(Napi::Env env)
{
	return DefineClass(env, "Prober",
			   {jsGetter<&Prober::realtime>("realtime"), jsMethod<&Prober::setStream>("setStream"),
			    jsMethod<&Prober::removeStream>("removeStream"), jsMethod<&Prober::burst>("burst"),
			    jsMethod<&Prober::readTransmitLog>("readTransmitLog"),
			    jsGetter<&Prober::transmitLogOverruns>("transmitLogOverruns"),
			    jsGetter<&Prober::heartbeatNs>("heartbeatNs"), jsClose()});
}

Prober::Prober(const Napi::CallbackInfo &info) : NativeObject(info)
{
	guarded(info.Env(), [&] {
		const Options options(info[0], "options");
		SipHashKey key;
		const Bytes keyBytes = options.bytes("cookieKey", key.size());
		std::copy_n(keyBytes.data, key.size(), key.begin());
		const auto priority = static_cast<int>(options.integer("realtimePriority", 0, kMaxRealtimePriority));
		transmitter_ = std::make_unique<Transmitter>(key, priority, options.netns());
		opened(Lifetime::Collectable);
	});
}

Prober::~Prober()
{
	release();
}

void Prober::release() noexcept
{
	transmitter_.reset();
}

Napi::Value Prober::realtime(const Napi::CallbackInfo &info)
{
	requireOpen();
	return Napi::Boolean::New(info.Env(), transmitter_->realtime());
}

Napi::Value Prober::setStream(const Napi::CallbackInfo &info)
{
	const Options stream(info[0], "stream");
	const Transmitter::StreamOptions options{
	    .session = stream.u32("session", 0, MAX_PROBE_SESSIONS - 1),
	    .epoch = stream.u32("epoch"),
	    .ifindex = static_cast<int>(stream.integer("ifindex", 1, INT_MAX)),
	    .rawIp = stream.boolean("rawIp"),
	    .intervalNs = stream.integer("intervalUs", kMinIntervalUs, kMaxIntervalUs) * kNsPerUs,
	    .jitterPercent = stream.u32("jitterPercent", 0, 90),
	};
	const int family = stream.family();
	const Bytes frame = stream.bytes("frame");
	if (frame.size > kMaxFrameBytes)
		throw ArgumentError("stream.frame must have at most " + std::to_string(kMaxFrameBytes) + " bytes");
	const uint32_t icmpOffset = stream.u32("icmpOffset");
	requireOpen();
	transmitter_->setStream(
	    options, ProbePacket(frame.copy(), icmpOffset, family, options.rawIp, options.session, options.epoch));
	return info.Env().Undefined();
}

Napi::Value Prober::removeStream(const Napi::CallbackInfo &info)
{
	const auto session = static_cast<uint32_t>(toInteger(info[0], "session", 0, UINT32_MAX));
	requireOpen();
	transmitter_->removeStream(session);
	return info.Env().Undefined();
}

Napi::Value Prober::burst(const Napi::CallbackInfo &info)
{
	const auto session = static_cast<uint32_t>(toInteger(info[0], "session", 0, UINT32_MAX));
	const auto count = static_cast<uint32_t>(toInteger(info[1], "count", 1, kMaxBurst));
	const int64_t spacingUs = toInteger(info[2], "spacingUs", 0, kMaxIntervalUs);
	requireOpen();
	if (!transmitter_->burst(session, count, spacingUs * kNsPerUs))
		throw SystemError(ENOENT, "burst of a session without a stream");
	return info.Env().Undefined();
}

Napi::Value Prober::readTransmitLog(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	const auto max = static_cast<uint32_t>(toInteger(info[0], "max", 0, UINT32_MAX));
	requireOpen();
	Napi::Array records = Napi::Array::New(env);
	TransmitRecord record;
	for (uint32_t i = 0; i < max && transmitter_->log().pop(record); i++) {
		Napi::Object entry = Napi::Object::New(env);
		entry["session"] = Napi::Number::New(env, record.session);
		entry["epoch"] = Napi::Number::New(env, record.epoch);
		entry["sequence"] = Napi::Number::New(env, record.sequence);
		entry["transmitNs"] = Napi::BigInt::New(env, record.transmitNs);
		entry["lateUs"] = Napi::Number::New(env, static_cast<double>(record.lateNs / kNsPerUs));
		entry["errno"] = Napi::Number::New(env, record.error);
		records[i] = entry;
	}
	return records;
}

Napi::Value Prober::transmitLogOverruns(const Napi::CallbackInfo &info)
{
	requireOpen();
	return Napi::Number::New(info.Env(), static_cast<double>(transmitter_->log().overruns()));
}

Napi::Value Prober::heartbeatNs(const Napi::CallbackInfo &info)
{
	requireOpen();
	return Napi::BigInt::New(info.Env(), transmitter_->heartbeatNs());
}
