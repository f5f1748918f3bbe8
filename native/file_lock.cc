#include "file_lock.h"

#include "arguments.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <string>

namespace
{
/** A holder removes its file before it lets go, so that one taker in a row may be too late; not that many. */
constexpr int MAXIMUM_ATTEMPTS = 100;

/** False if the path leads to another file by now, or nowhere: a lock on a file without a name keeps nobody out. */
bool isAt(const std::string &path, int file)
{
	struct stat opened, named;
	return fstat(file, &opened) == 0 && stat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
	       opened.st_ino == named.st_ino;
}

/** Not open: it is held already. Throws SystemError. */
UniqueFd openLocked(const std::string &path)
{
	for (int attempt = 0; attempt < MAXIMUM_ATTEMPTS; attempt++) {
		/* Close on exec: a child that outlives us must not hold the lock. */
		UniqueFd file(
		    checked(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), ("open " + path).c_str()));
		if (flock(file.get(), LOCK_EX | LOCK_NB) < 0) {
			if (errno != EWOULDBLOCK)
				throw SystemError(errno, "flock " + path);
			return {};
		}
		if (isAt(path, file.get()))
			return file;
	}
	throw SystemError(EAGAIN, "flock " + path);
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
