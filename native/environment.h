/**
 * What the addon keeps for one JavaScript environment (the main thread or a worker): the classes, the open objects and
 * the libuv handles that are still closing. One asynchronous clean-up hook closes every open object when the
 * environment ends and holds the environment until libuv has let go of every handle, as a worker's loop demands.
 */
#pragma once

#include <napi.h>
#include <uv.h>

#include <deque>
#include <functional>
#include <memory>
#include <unordered_set>

/** Anything that holds descriptors, threads or mappings. */
class Closable
{
      public:
	virtual ~Closable() = default;
	/** Releases everything; may be called again. Must not throw and must not call into JavaScript. */
	virtual void release() noexcept = 0;
};

class Environment
{
      public:
	/** Makes the instance of `env` and registers the clean-up hook. Called once, by the module's init. */
	static Environment &create(Napi::Env env);
	static Environment &of(Napi::Env env);
	explicit Environment(Napi::Env env);

	Napi::Env env() const
	{
		return env_;
	}
	uv_loop_t *loop() const
	{
		return loop_;
	}
	/** Keeps a class alive; the reference stays where it is. */
	Napi::FunctionReference &keepClass(Napi::Function constructor);

	void add(Closable *object);
	void remove(Closable *object);

	/** Account for uv_close(): the environment lives until its callback has run. */
	void closing();
	void closed();

	/**
	 * Runs `body` as a callback of the event loop: handle scope, next ticks and microtasks afterwards, and an
	 * exception becomes an uncaught one, as in any Node callback.
	 */
	void intoJs(const std::function<void()> &body);

      private:
	static void onCleanup(napi_async_cleanup_hook_handle handle, void *data);
	void finishCleanup();

	Napi::Env env_;
	uv_loop_t *loop_ = nullptr;
	std::unique_ptr<Napi::AsyncContext> asyncContext_;
	std::deque<Napi::FunctionReference> classes_;
	std::unordered_set<Closable *> open_;
	size_t closingHandles_ = 0;
	bool ending_ = false;
	napi_async_cleanup_hook_handle hook_ = nullptr;
};
