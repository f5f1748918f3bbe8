/** An array map in this process's memory, with atomic access and as a Uint8Array. */
#pragma once

#include "mapping.h"
#include "native_object.h"

#include <memory>

class MappedArray : public NativeObject<MappedArray>
{
      public:
	static Napi::Function define(Napi::Env env);
	/** (mapFd, byteLength, writable) */
	explicit MappedArray(const Napi::CallbackInfo &info);
	~MappedArray() override;
	void release() noexcept override;
	/** Also detaches `bytes`: afterwards it has length 0. */
	Napi::Value close(const Napi::CallbackInfo &info);

	Napi::Value bytes(const Napi::CallbackInfo &info);
	Napi::Value load32(const Napi::CallbackInfo &info);
	Napi::Value load64(const Napi::CallbackInfo &info);
	Napi::Value store32(const Napi::CallbackInfo &info);
	Napi::Value store64(const Napi::CallbackInfo &info);
	Napi::Value or64(const Napi::CallbackInfo &info);
	Napi::Value and64(const Napi::CallbackInfo &info);

      private:
	/** The word at a checked, aligned offset. */
	template <class Word> Word *word(const Napi::CallbackInfo &info, bool forWriting) const;
	Napi::Uint8Array makeView(Napi::Env env);

	size_t byteLength_ = 0;
	bool writable_ = false;
	/* Shared with the ArrayBuffer, which JavaScript may hold longer than this object. */
	std::shared_ptr<Mapping> mapping_;
	Napi::Reference<Napi::Uint8Array> view_;
};
