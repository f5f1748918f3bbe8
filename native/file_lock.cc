#include "file_lock.h"

#include "arguments.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <climits>
#include <string>

namespace
{
/** Not open: it is held already. Throws SystemError. */
UniqueFd openLocked(const std::string &path)
{
	/* Close on exec: a child that outlives us must not hold the lock. */
	UniqueFd file(checked(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), ("open " + path).c_str()));
	if (flock(file.get(), LOCK_EX | LOCK_NB) == 0)
		return file;
	if (errno != EWOULDBLOCK)
		throw SystemError(errno, "flock " + path);
	return {};
}

/** For people who ask who holds it. That it fails (a full file system) is no reason to go without the lock. */
void writePid(int file)
{
	const std::string pid = std::to_string(getpid()) + "\n";
	if (ftruncate(file, 0) < 0 || pwrite(file, pid.data(), pid.size(), 0) < 0)
		return;
}
} // namespace

Napi::Function FileLock::define(Napi::Env env)
{
	return DefineClass(env, "FileLock", {jsClose()});
}

Napi::Value FileLock::lock(Napi::FunctionReference &constructor, const Napi::CallbackInfo &info)
{
	UniqueFd file = openLocked(toString(info[0], "path", PATH_MAX - 1));
	if (!file)
		return info.Env().Null();
	writePid(file.get());
	return constructor.New({Napi::External<UniqueFd>::New(info.Env(), &file)});
}

FileLock::FileLock(const Napi::CallbackInfo &info) : NativeObject(info)
{
	guarded(info.Env(), [&] {
		if (!info[0].IsExternal())
			throw ArgumentError("a FileLock comes from lockFile() only");
		file_ = std::move(*info[0].As<Napi::External<UniqueFd>>().Data());
		/* Not collectable: nobody need keep the object for the lock to hold. */
		opened(Lifetime::UntilClosed);
	});
}

FileLock::~FileLock()
{
	release();
}

void FileLock::release() noexcept
{
	file_.reset();
}
