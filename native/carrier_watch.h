/** JavaScript's side of the link guard: checks arguments. */
#pragma once

#include "link_guard.h"
#include "native_object.h"

#include <memory>

class CarrierWatch : public NativeObject<CarrierWatch>
{
      public:
	static Napi::Function define(Napi::Env env);
	/** (options: CarrierWatchOptions) */
	explicit CarrierWatch(const Napi::CallbackInfo &info);
	~CarrierWatch() override;
	void release() noexcept override;

	Napi::Value realtime(const Napi::CallbackInfo &info);
	Napi::Value watch(const Napi::CallbackInfo &info);
	Napi::Value statistics(const Napi::CallbackInfo &info);

      private:
	std::unique_ptr<LinkGuard> guard_;
};
