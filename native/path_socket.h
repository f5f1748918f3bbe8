/** A socket that leaves through one device with one source address, whatever the routing table says. */
#pragma once

#include <napi.h>

/** (options: PathSocketOptions) -> Promise<PathSocket>; bad arguments throw, failures of the network reject. */
Napi::Value openPathSocket(const Napi::CallbackInfo &info);
