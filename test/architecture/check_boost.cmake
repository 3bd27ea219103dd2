# Boost.JSON 1.81 lives in one binary with Boost 1.74 only because its namespace is renamed: a symbol
# of the plain namespace in our copy would clash without a word from the linker.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND ${NM} -C --defined-only ${LIBRARY} OUTPUT_VARIABLE symbols
                COMMAND_ERROR_IS_FATAL ANY)
if(NOT symbols MATCHES "boost181::json")
  message(FATAL_ERROR "${LIBRARY} does not define boost181::json: is this the right library?")
endif()
string(REGEX MATCHALL "[^\n]*[^a-zA-Z0-9_]boost::[^\n]*" leaked "${symbols}")
if(leaked)
  list(JOIN leaked "\n  " text)
  message(FATAL_ERROR "symbols in the namespace boost::\n  ${text}")
endif()
