#include "carrier_watch.h"

#include "arguments.h"
#include "netlink_receive.h"
#include "thread_priority.h"

#include <climits>

Napi::Function CarrierWatch::define(Napi::Env env)
{
	return DefineClass(env, "CarrierWatch",
			   {jsGetter<&CarrierWatch::realtime>("realtime"), jsMethod<&CarrierWatch::watch>("watch"),
			    jsMethod<&CarrierWatch::statistics>("statistics"), jsClose()});
}

CarrierWatch::CarrierWatch(const Napi::CallbackInfo &info) : NativeObject(info)
{
	guarded(info.Env(), [&] {
		const Options options(info[0], "options");
		guard_ = std::make_unique<LinkGuard>(LinkGuardOptions{
		    .livenessFd = toFd(options.value("livenessFd"), "options.livenessFd"),
		    .realtimePriority = static_cast<int>(options.integer("realtimePriority", 0, kMaxRealtimePriority)),
		    .routeProtocol = static_cast<uint8_t>(options.integer("routeProtocol", 0, UINT8_MAX)),
		    .receiveBufferBytes = receiveBufferBytes(options),
		    .netns = options.netns(),
		});
		opened(Lifetime::Collectable);
	});
}

CarrierWatch::~CarrierWatch()
{
	release();
}

void CarrierWatch::release() noexcept
{
	guard_.reset();
}

Napi::Value CarrierWatch::realtime(const Napi::CallbackInfo &info)
{
	requireOpen();
	return Napi::Boolean::New(info.Env(), guard_->realtime());
}

Napi::Value CarrierWatch::watch(const Napi::CallbackInfo &info)
{
	requireOpen();
	if (!info[0].IsArray())
		throw ArgumentError("entries must be an array");
	const auto entries = info[0].As<Napi::Array>();
	const uint32_t lastNextHop = guard_->nextHops() - 1;
	LinkGuard::Table table;
	for (uint32_t i = 0; i < entries.Length(); i++) {
		const Options entry(entries.Get(i), "entries[" + std::to_string(i) + "]");
		const auto ifindex = static_cast<int>(entry.integer("ifindex", 1, INT_MAX));
		table.emplace(ifindex, entry.u32("nextHop", 1, lastNextHop));
	}
	/* A getter of an entry may have closed us. */
	requireOpen();
	guard_->watch(std::move(table));
	return info.Env().Undefined();
}

Napi::Value CarrierWatch::statistics(const Napi::CallbackInfo &info)
{
	requireOpen();
	const Napi::Env env = info.Env();
	Napi::Object result = Napi::Object::New(env);
	result["cleared"] = Napi::Number::New(env, static_cast<double>(guard_->cleared()));
	result["messages"] = Napi::Number::New(env, static_cast<double>(guard_->messages()));
	result["overruns"] = Napi::Number::New(env, static_cast<double>(guard_->overruns()));
	const int error = guard_->error();
	result["error"] = error ? Napi::String::New(env, errnoName(error)) : env.Null();
	return result;
}
