/** An exclusive lock on a file that outlives no process: flock(2) goes with it, also by SIGKILL. */
#pragma once

#include "native_object.h"
#include "unique_fd.h"

class FileLock : public NativeObject<FileLock>
{
      public:
	static Napi::Function define(Napi::Env env);
	/** (path: string) -> FileLock, or null while somebody else (or another object of this process) holds it. */
	static Napi::Value lock(Napi::FunctionReference &constructor, const Napi::CallbackInfo &info);

	/** (External of UniqueFd): takes over a descriptor that is locked. Only for `lock`. */
	explicit FileLock(const Napi::CallbackInfo &info);
	~FileLock() override;
	void release() noexcept override;

      private:
	UniqueFd file_;
};
