# Windows on Arm64, from Linux: clang and lld (Debian: clang lld llvm), with Wine's headers and import libraries in place of
# Microsoft's, which nobody may hand on.  They are Debian's package libwine-dev for arm64, found in
#   $WINE_DEV                 a directory in which that package was unpacked, or else in
#   the root "wine-arm64"     demotic root create wine-arm64 --include=wine,wine64,libwine-dev
# It is C and the Windows API; of C++ what needs no library of its own (Wine has no C++ headers).  For all of C++ take llvm-mingw, or a
# Windows SDK of yours: only what is marked below changes.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR ARM64)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET aarch64-pc-windows-msvc)
set(CMAKE_RC_COMPILER llvm-rc)

# How tests, and programs that the build makes for its own use, are run.  --wine-wait=0: a test has ended when its program has; Wine's
# services are there for the next one, which takes 0.1 s instead of some seconds, and end by themselves a little after the last.
find_program(WINE_ARM64 wine-arm64 REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${WINE_ARM64} --wine-wait=0)

# ---- where headers and libraries are: this part changes with another SDK -------------------------
if(DEFINED ENV{WINE_DEV})
  set(wine_dev $ENV{WINE_DEV})
else()
  execute_process(COMMAND demotic root path wine-arm64 OUTPUT_VARIABLE wine_dev OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
endif()
set(headers ${wine_dev}/usr/include/wine/wine)
file(GLOB archives ${wine_dev}/usr/lib/aarch64-linux-gnu/wine/aarch64-windows/lib*.a)
if(NOT EXISTS ${headers}/windows/windows.h OR NOT archives)
  message(FATAL_ERROR "${wine_dev} has no libwine-dev for arm64")
endif()
# Linkers for Windows look for NAME.lib, Wine calls them libNAME.a.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/import)
foreach(archive ${archives})
  string(REGEX REPLACE ".*/lib(.*)[.]a$" "\\1.lib" name ${archive})
  file(CREATE_LINK ${archive} ${CMAKE_BINARY_DIR}/import/${name} SYMBOLIC)
endforeach()
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES ${headers}/msvcrt ${headers}/windows)
set(CMAKE_C_FLAGS_INIT "-D_UCRT -fms-extensions")
set(CMAKE_EXE_LINKER_FLAGS_INIT
  "-nostdlib -L${CMAKE_BINARY_DIR}/import -Wl,/entry:mainCRTStartup -Wl,/manifest:no -Wl,/ignore:longsections")
set(CMAKE_C_STANDARD_LIBRARIES "-lwinecrt0 -lucrtbase -lkernel32 -lntdll")
set(CMAKE_MSVC_RUNTIME_LIBRARY "") # none of Microsoft's
set(CMAKE_POLICY_DEFAULT_CMP0091 NEW)
# ---------------------------------------------------------------------------------------------------

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
