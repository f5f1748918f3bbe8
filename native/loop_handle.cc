#include "loop_handle.h"

#include "errors.h"

template <class Handle>
void LoopHandle<Handle>::open(Environment &environment, std::function<void(int)> callback,
			      const std::function<int(Handle *)> &init, const char *call)
{
	auto state = std::make_unique<State>();
	state->environment = &environment;
	state->callback = std::move(callback);
	if (const int result = init(&state->handle); result < 0)
		throw SystemError(-result, call);
	state->handle.data = state.get();
	state_ = state.release();
}

template <class Handle> void LoopHandle<Handle>::close()
{
	State *state = std::exchange(state_, nullptr);
	if (!state)
		return;
	state->environment->closing();
	uv_close(reinterpret_cast<uv_handle_t *>(&state->handle), [](uv_handle_t *handle) {
		auto *closed = static_cast<State *>(handle->data);
		Environment *environment = closed->environment;
		delete closed;
		environment->closed();
	});
}

template class LoopHandle<uv_poll_t>;
template class LoopHandle<uv_timer_t>;
template class LoopHandle<uv_async_t>;

void PollHandle::open(Environment &environment, int fd, int events, std::function<void(int)> callback)
{
	events_ = events;
	LoopHandle::open(
	    environment, std::move(callback),
	    [&](uv_poll_t *handle) { return uv_poll_init(environment.loop(), handle, fd); }, "uv_poll_init");
	watch();
}

void PollHandle::watch()
{
	const int result = uv_poll_start(&state_->handle, events_, [](uv_poll_t *handle, int status, int) {
		static_cast<State *>(handle->data)->callback(status);
	});
	if (result < 0)
		throw SystemError(-result, "uv_poll_start");
}

void PollHandle::unwatch()
{
	uv_poll_stop(&state_->handle);
}

void TimerHandle::open(Environment &environment, uint64_t delayMs, std::function<void()> callback)
{
	LoopHandle::open(
	    environment, [callback = std::move(callback)](int) { callback(); },
	    [&](uv_timer_t *handle) { return uv_timer_init(environment.loop(), handle); }, "uv_timer_init");
	const auto fire = [](uv_timer_t *handle) { static_cast<State *>(handle->data)->callback(0); };
	/* The loop's idea of now is as old as the current callback. */
	uv_update_time(environment.loop());
	if (const int result = uv_timer_start(&state_->handle, fire, delayMs, 0); result < 0)
		throw SystemError(-result, "uv_timer_start");
}

void AsyncHandle::open(Environment &environment, std::function<void()> callback)
{
	const auto wake = [](uv_async_t *handle) { static_cast<State *>(handle->data)->callback(0); };
	LoopHandle::open(
	    environment, [callback = std::move(callback)](int) { callback(); },
	    [&](uv_async_t *handle) { return uv_async_init(environment.loop(), handle, wake); }, "uv_async_init");
}

void AsyncHandle::send()
{
	uv_async_send(&state_->handle);
}
