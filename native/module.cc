/** The addon's door: one function for each member of NativeAddon in src/native.ts. */
#include "arguments.h"
#include "carrier_watch.h"
#include "clock.h"
#include "environment.h"
#include "errors.h"
#include "file_lock.h"
#include "frame_relay.h"
#include "icmp_receiver.h"
#include "link_socket.h"
#include "live_frames.h"
#include "map_batch.h"
#include "mapped_array.h"
#include "netlink.h"
#include "path_socket.h"
#include "prober.h"
#include "program_run.h"
#include "ring_buffer.h"
#include "siphash.h"
#include "traffic_sink.h"
#include "traffic_source.h"

#include <napi.h>

#include <algorithm>
#include <vector>

namespace
{
using Function = Napi::Value (*)(const Napi::CallbackInfo &);

template <Function function> void addFunction(Napi::Object exports, const char *name)
{
	const auto call = [](const Napi::CallbackInfo &info) {
		return guarded(info.Env(), [&] { return function(info); });
	};
	exports.Set(name, Napi::Function::New(exports.Env(), call, name));
}

/** `name` makes an object of class T with the same arguments. */
template <class T> void addClass(Napi::Object exports, const char *name)
{
	Napi::FunctionReference &constructor = Environment::of(exports.Env()).keepClass(T::define(exports.Env()));
	const auto create = [&constructor](const Napi::CallbackInfo &info) -> Napi::Value {
		std::vector<napi_value> arguments;
		for (size_t i = 0; i < info.Length(); i++)
			arguments.push_back(info[i]);
		return constructor.New(arguments);
	};
	exports.Set(name, Napi::Function::New(exports.Env(), create, name));
}

/** `name` calls T::lock, which may make an object of class T, or have none to give. */
template <class T> void addLock(Napi::Object exports, const char *name)
{
	Napi::FunctionReference &constructor = Environment::of(exports.Env()).keepClass(T::define(exports.Env()));
	const auto call = [&constructor](const Napi::CallbackInfo &info) {
		return guarded(info.Env(), [&] { return T::lock(constructor, info); });
	};
	exports.Set(name, Napi::Function::New(exports.Env(), call, name));
}

Napi::Value jsMonotonicNs(const Napi::CallbackInfo &info)
{
	return Napi::BigInt::New(info.Env(), monotonicNs());
}

/** (key, data) -> bigint */
Napi::Value jsSipHash(const Napi::CallbackInfo &info)
{
	SipHashKey key;
	const Bytes keyBytes = toBytes(info[0], "key", key.size());
	const Bytes data = toBytes(info[1], "data");
	std::copy_n(keyBytes.data, key.size(), key.begin());
	return Napi::BigInt::New(info.Env(), sipHash24(key, data.data, data.size));
}

Napi::Object init(Napi::Env env, Napi::Object exports)
{
	Environment::create(env);
	addFunction<jsMonotonicNs>(exports, "monotonicNs");
	addFunction<jsSipHash>(exports, "sipHash");
	addFunction<mapUpdateBatch>(exports, "mapUpdateBatch");
	addFunction<mapDeleteBatch>(exports, "mapDeleteBatch");
	addFunction<mapReadArray>(exports, "mapReadArray");
	addFunction<mapReadAll>(exports, "mapReadAll");
	addFunction<runLiveFrames>(exports, "runLiveFrames");
	addFunction<openPathSocket>(exports, "openPathSocket");
	addFunction<programTestRun>(exports, "programTestRun");
	addLock<FileLock>(exports, "lockFile");
	addClass<RingBuffer>(exports, "openRingBuffer");
	addClass<MappedArray>(exports, "mapArray");
	addClass<NetlinkSocket>(exports, "openNetlink");
	addClass<CarrierWatch>(exports, "openCarrierWatch");
	addClass<LinkSocket>(exports, "openLinkSocket");
	addClass<Prober>(exports, "createProber");
	addClass<IcmpReceiver>(exports, "createIcmpReceiver");
	addClass<TrafficSource>(exports, "startTrafficSource");
	addClass<TrafficSink>(exports, "startTrafficSink");
	addClass<FrameRelay>(exports, "startFrameRelay");
	return exports;
}
} // namespace

NODE_API_MODULE(detour_native, init)
