/** Many elements of a map in one call: batched system calls where the map type has them, single ones elsewhere. */
#pragma once

#include <napi.h>

/** (mapFd, keys, values, count, flags) -> elements written */
Napi::Value mapUpdateBatch(const Napi::CallbackInfo &info);
/** (mapFd, keys, count) -> elements deleted; a key that is not there is passed over. */
Napi::Value mapDeleteBatch(const Napi::CallbackInfo &info);
/** (mapFd, count, values) */
Napi::Value mapReadArray(const Napi::CallbackInfo &info);
/** (mapFd, keySize, valueSize, maxEntries) -> {keys, values, count} */
Napi::Value mapReadAll(const Napi::CallbackInfo &info);
