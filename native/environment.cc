#include "environment.h"

#include "errors.h"

Environment::Environment(Napi::Env env) : env_(env)
{
	if (napi_get_uv_event_loop(env, &loop_) != napi_ok)
		throw Napi::Error::New(env, "this environment has no libuv event loop");
	asyncContext_ = std::make_unique<Napi::AsyncContext>(env, "detour_native");
	if (napi_add_async_cleanup_hook(env, onCleanup, this, &hook_) != napi_ok)
		throw Napi::Error::New(env, "cannot register the clean-up hook");
}

Environment &Environment::create(Napi::Env env)
{
	auto *environment = new Environment(env);
	env.SetInstanceData<Environment>(environment);
	return *environment;
}

Environment &Environment::of(Napi::Env env)
{
	return *env.GetInstanceData<Environment>();
}

Napi::FunctionReference &Environment::keepClass(Napi::Function constructor)
{
	return classes_.emplace_back(Napi::Persistent(constructor));
}

void Environment::add(Closable *object)
{
	/* Too late to open anything: the hook that would close it has run. */
	if (ending_)
		throw SystemError(ECANCELED, "environment is ending");
	open_.insert(object);
}

void Environment::remove(Closable *object)
{
	open_.erase(object);
}

void Environment::closing()
{
	closingHandles_++;
}

void Environment::closed()
{
	closingHandles_--;
	if (ending_)
		finishCleanup();
}

void Environment::intoJs(const std::function<void()> &body)
{
	Napi::HandleScope handles(env_);
	Napi::CallbackScope callback(env_, *asyncContext_);
	try {
		guarded(env_, body);
	} catch (const Napi::Error &error) {
		napi_fatal_exception(env_, error.Value());
	}
}

void Environment::onCleanup(napi_async_cleanup_hook_handle handle, void *data)
{
	auto *self = static_cast<Environment *>(data);
	self->hook_ = handle;
	self->ending_ = true;
	/* release() takes an object out of the set. */
	while (!self->open_.empty()) {
		Closable *object = *self->open_.begin();
		self->open_.erase(object);
		object->release();
	}
	self->asyncContext_.reset();
	self->finishCleanup();
}

void Environment::finishCleanup()
{
	if (closingHandles_ == 0 && hook_)
		napi_remove_async_cleanup_hook(std::exchange(hook_, nullptr));
}
