/** BPF_PROG_TEST_RUN with live frames (Linux 5.18): frames that really leave, from a thread. */
#pragma once

#include <napi.h>

/** (options: LiveFrameOptions) -> Promise<{elapsedNs}> */
Napi::Value runLiveFrames(const Napi::CallbackInfo &info);
