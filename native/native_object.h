/**
 * Base of the addon's classes. A class T derives from NativeObject<T>, has `static Napi::Function define(Napi::Env)`,
 * opens everything in its constructor inside `guarded` (members release what they hold when it throws half way), and
 * calls `opened()` as the last step.
 */
#pragma once

#include "environment.h"
#include "errors.h"

template <class T> class NativeObject : public Napi::ObjectWrap<T>, public Closable
{
      public:
	explicit NativeObject(const Napi::CallbackInfo &info)
	    : Napi::ObjectWrap<T>(info), environment_(Environment::of(info.Env()))
	{
	}
	~NativeObject() override
	{
		environment_.remove(this);
	}

      protected:
	using Method = Napi::Value (T::*)(const Napi::CallbackInfo &);

	enum class Lifetime {
		/** Lives until close(), as a socket does: it can call back although nobody refers to it. */
		UntilClosed,
		/** Is closed when nobody refers to it any more. */
		Collectable,
	};

	/** To be called when everything is open. */
	void opened(Lifetime lifetime)
	{
		environment_.add(this);
		open_ = true;
		if (lifetime == Lifetime::UntilClosed) {
			this->Ref();
			referenced_ = true;
		}
	}

	/** JavaScript's close(). */
	Napi::Value close(const Napi::CallbackInfo &info)
	{
		open_ = false;
		environment_.remove(this);
		static_cast<T *>(this)->release();
		if (std::exchange(referenced_, false))
			this->Unref();
		return info.Env().Undefined();
	}

	bool isOpen() const
	{
		return open_;
	}
	/** First line of every method but close(). */
	void requireOpen() const
	{
		if (!open_)
			throw SystemError(EBADF, "object is closed");
	}
	Environment &environment() const
	{
		return environment_;
	}

	static Napi::ClassPropertyDescriptor<T> jsClose()
	{
		return Napi::ObjectWrap<T>::InstanceMethod("close", static_cast<Method>(&T::close));
	}
	template <Method method> static Napi::ClassPropertyDescriptor<T> jsMethod(const char *name)
	{
		return Napi::ObjectWrap<T>::InstanceMethod(name, static_cast<Method>(&T::template guardedCall<method>));
	}
	template <Method method> static Napi::ClassPropertyDescriptor<T> jsGetter(const char *name)
	{
		return Napi::ObjectWrap<T>::InstanceAccessor(
		    name, static_cast<Method>(&T::template guardedCall<method>), nullptr);
	}

      public:
	template <Method method> Napi::Value guardedCall(const Napi::CallbackInfo &info)
	{
		return guarded(info.Env(), [&] { return (static_cast<T *>(this)->*method)(info); });
	}

      private:
	Environment &environment_;
	bool open_ = false;
	bool referenced_ = false;
};
