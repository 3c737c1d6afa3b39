{
  "targets": [
    {
      "target_name": "crit",
      "sources": ["native/addon/addon.cc", "native/addon/apart.c", "native/addon/own.c", "native/addon/call-as.c", "native/addon/end-as.c"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-O2"],
      "cflags_c": ["-std=gnu11", "-Wall", "-Wextra", "-O2"],
      "conditions": [["target_arch=='x64'", {"include_dirs": ["native/puppet/arch/x86_64"]}]]
    }
  ]
}
