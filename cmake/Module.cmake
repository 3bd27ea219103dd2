# davenport_module(NAME SOURCES a.cpp … [LINKS lib …]) makes the static library davenport_NAME.
function(davenport_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(davenport_${name} STATIC ${ARG_SOURCES})
  target_include_directories(davenport_${name} PUBLIC "${CMAKE_SOURCE_DIR}/include")
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/include")
    target_include_directories(davenport_${name} PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}/include")
  endif()
  target_link_libraries(davenport_${name} PUBLIC ${ARG_LINKS} PRIVATE davenport_flags ${ARG_PRIVATE_LINKS})
endfunction()

# davenport_test(NAME SOURCES a.cpp … LINKS lib …) makes one Catch2 program and one CTest entry.
function(davenport_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINKS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(test_${name} ${ARG_SOURCES})
  target_include_directories(test_${name} PRIVATE "${CMAKE_SOURCE_DIR}/test")
  # Catch's macros take the optimiser long and gain nothing from it; the code under test keeps its own.
  target_compile_options(test_${name} PRIVATE -O0)
  target_link_libraries(test_${name} PRIVATE davenport_flags test_main ${ARG_LINKS})
  add_test(NAME ${name} COMMAND test_${name} --order rand --rng-seed time)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
endfunction()

# The same program once more, on encrypted vaults; without the tests of what only plain ones have,
# and without hidden ones, which exclusions alone would run.
function(davenport_test_encrypted name)
  add_test(NAME ${name}.encrypted COMMAND test_${name} "~[plain]~[.]" --order rand --rng-seed time)
  set_tests_properties(${name}.encrypted PROPERTIES
    TIMEOUT 300 ENVIRONMENT "DAVENPORT_TEST_ENCRYPTION=${ARGV1}")
endfunction()
