# Linux on Arm64 with Debian's cross compiler (gcc-aarch64-linux-gnu libc6-dev-arm64-cross).  Demotic finds the C library where those
# packages have it; with more libraries than that, make a root (demotic root create arm64 --include=...) or a CMAKE_SYSROOT and name it in
# DEMOTIC_ROOT.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

find_program(DEMOTIC demotic REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${DEMOTIC} --root /usr/aarch64-linux-gnu)

set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
