find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(CURL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(spdlog REQUIRED)
find_package(cpprestsdk REQUIRED)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)

# Time zones. Debian's package has no file for CMake or pkg-config.
find_path(CCTZ_INCLUDE_DIR cctz/time_zone.h)
find_library(CCTZ_LIBRARY cctz)
if(NOT CCTZ_INCLUDE_DIR OR NOT CCTZ_LIBRARY)
  message(FATAL_ERROR "cctz not found; run scripts/install first")
endif()
add_library(cctz::cctz UNKNOWN IMPORTED)
set_target_properties(cctz::cctz PROPERTIES
  IMPORTED_LOCATION "${CCTZ_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${CCTZ_INCLUDE_DIR}")

# Boost.JSON. cpprestsdk needs Boost 1.74, which has no JSON, and Debian's 1.81 headers cannot be
# installed beside it. scripts/install unpacks them into the build tree; Boost.JSON is compiled into
# one static library with its namespace renamed, so that both versions can live in one binary.
# Targets that include <davenport/base/json.hpp> must not include cpprest or Boost 1.74 headers.
set(DAVENPORT_BOOST_JSON_DIR "${CMAKE_SOURCE_DIR}/build/deps/boost-1.81/usr/include" CACHE PATH
    "where the Boost 1.81 headers were unpacked")
if(NOT EXISTS "${DAVENPORT_BOOST_JSON_DIR}/boost/json.hpp")
  message(FATAL_ERROR "Boost 1.81 headers not found in ${DAVENPORT_BOOST_JSON_DIR}; run scripts/install first")
endif()
file(WRITE "${CMAKE_BINARY_DIR}/boost_json.cpp" "#include <boost/json/src.hpp>\n")
add_library(davenport_boost_json STATIC "${CMAKE_BINARY_DIR}/boost_json.cpp")
target_include_directories(davenport_boost_json SYSTEM PUBLIC "${DAVENPORT_BOOST_JSON_DIR}")
target_compile_definitions(davenport_boost_json PUBLIC boost=boost181 BOOST_NO_USER_CONFIG)
