# Builds the runtime and its tools for aarch64 on a machine of another kind, with clang 22 and Debian's cross libraries
# (tools/install-deps --aarch64); what the build itself runs, and ctest, goes through qemu-user:
#   cmake -S . -B build-aarch64 -G Ninja --toolchain tools/cmake/aarch64-linux-gnu.cmake -DAXIOM_BUILD_COMPILER=OFF
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER clang-22)
set(CMAKE_CXX_COMPILER clang++-22)
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
foreach(kind EXE SHARED MODULE)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT -fuse-ld=lld)
endforeach()
set(CMAKE_CROSSCOMPILING_EMULATOR "qemu-aarch64;-L;/usr/aarch64-linux-gnu")
