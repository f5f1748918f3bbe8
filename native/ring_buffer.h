/**
 * Consumer of a BPF ring buffer. It reads the mapped pages itself instead of through libbpf's callback, because a
 * callback cannot say "no room left" without losing the record; the layout is the kernel's ABI
 * (Documentation/bpf/ringbuf.rst): one page with the consumer's position, one with the producer's, then the data,
 * mapped twice in a row so that no record is ever split.
 */
#pragma once

#include "loop_handle.h"
#include "mapping.h"
#include "native_object.h"
#include "unique_fd.h"

class RingBuffer : public NativeObject<RingBuffer>
{
      public:
	static Napi::Function define(Napi::Env env);
	/** (mapFd, onReadable) */
	explicit RingBuffer(const Napi::CallbackInfo &info);
	~RingBuffer() override;
	void release() noexcept override;

	Napi::Value drain(const Napi::CallbackInfo &info);

      private:
	void onPoll(int status);
	size_t copyRecords(uint8_t *into, size_t room);

	/* A duplicate: libuv watches a descriptor once for each loop, and the caller may close its own. */
	UniqueFd fd_;
	Mapping consumer_;
	Mapping producer_;
	uint64_t mask_ = 0;
	Napi::FunctionReference onReadable_;
	PollHandle poll_;
};
