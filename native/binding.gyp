{
  'targets': [
    {
      'target_name': 'detour_native',
      'sources': [
        'arguments.cc',
        'environment.cc',
        'errors.cc',
        'loop_handle.cc',
        'map_batch.cc',
        'map_info.cc',
        'mapped_array.cc',
        'module.cc',
        'netlink.cc',
        'netns.cc',
        'program_run.cc',
        'ring_buffer.cc',
      ],
      'defines': ['NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED', '_GNU_SOURCE'],
      'cflags!': ['-fno-exceptions'],
      'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17'],
      'cflags': ['-Wall', '-Wextra', '-Werror', '-Wshadow', '-O2', '-pthread', '-fvisibility=hidden', '-isystem', '<!(node -p "require(\'path\').resolve(require(\'node-addon-api\').include_dir)")', '<!@(pkg-config --cflags libmnl libbpf)'],
      # -Wno-restrict: GCC 12 warns falsely of "literal" + std::string (its bug 105651).
      'cflags_cc': ['-std=c++20', '-Wno-restrict'],
      'ldflags': ['-pthread', '-Wl,-z,relro,-z,now'],
      'libraries': ['<!@(pkg-config --libs libmnl libbpf)'],
    },
  ],
}
