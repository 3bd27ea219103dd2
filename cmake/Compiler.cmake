# One warning set for every target of ours; DAVENPORT_SANITIZE picks "address", "thread" or "fuzzer".
set(DAVENPORT_SANITIZE "" CACHE STRING "sanitizer: empty, address (with undefined), thread or fuzzer (clang)")

add_library(davenport_flags INTERFACE)
target_compile_options(davenport_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Werror
  # GCC 12 reports false overlaps inside std::string (GCC bug 105329).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)

if(DAVENPORT_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(DAVENPORT_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(DAVENPORT_SANITIZE STREQUAL "fuzzer")
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(DAVENPORT_SANITIZE)
  message(FATAL_ERROR
    "DAVENPORT_SANITIZE is '${DAVENPORT_SANITIZE}'; it may be address, thread or fuzzer")
endif()
if(DAVENPORT_SANITIZE)
  # Instrumented code makes GCC guess wrongly about uninitialised values.
  target_compile_options(davenport_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()

find_program(DAVENPORT_CCACHE ccache)
if(DAVENPORT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${DAVENPORT_CCACHE}")
endif()
