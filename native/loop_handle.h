/**
 * libuv handles with an owner. Destroying one stops it at once; its memory goes when libuv has let go of it. The
 * callbacks run on the loop's thread and may destroy the handle that calls them.
 */
#pragma once

#include "environment.h"

#include <functional>

/** What all three have in common: the libuv handle lives on the heap until its close callback. */
template <class Handle> class LoopHandle
{
      public:
	LoopHandle() = default;
	LoopHandle(const LoopHandle &) = delete;
	LoopHandle &operator=(const LoopHandle &) = delete;
	~LoopHandle()
	{
		close();
	}
	void close();
	explicit operator bool() const
	{
		return state_ != nullptr;
	}

      protected:
	struct State {
		Handle handle;
		Environment *environment;
		std::function<void(int status)> callback;
	};
	/** Throws SystemError when `init` fails. */
	void open(Environment &environment, std::function<void(int)> callback, const std::function<int(Handle *)> &init,
		  const char *call);

	State *state_ = nullptr;
};

/** Watches a descriptor for readability or writability (level-triggered). */
class PollHandle : public LoopHandle<uv_poll_t>
{
      public:
	/**
	 * @param events UV_READABLE, UV_WRITABLE.
	 * @param callback status < 0: the descriptor has a pending error (libuv calls it EBADF and stops watching);
	 *        read the error from the descriptor and call watch() again.
	 */
	void open(Environment &environment, int fd, int events, std::function<void(int status)> callback);
	void watch();
	/** Until watch() is called again. */
	void unwatch();

      private:
	int events_ = 0;
};

/** Fires once. */
class TimerHandle : public LoopHandle<uv_timer_t>
{
      public:
	void open(Environment &environment, uint64_t delayMs, std::function<void()> callback);
};

/** Woken from another thread by send(). */
class AsyncHandle : public LoopHandle<uv_async_t>
{
      public:
	void open(Environment &environment, std::function<void()> callback);
	/** The only member that may be called from another thread, and only while the handle is open. */
	void send();
};
