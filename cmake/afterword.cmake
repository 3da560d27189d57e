# How a folder of src/ becomes a target: afterword_module(NAME SOURCES … DEPENDS …), and its tests a test program:
# afterword_test(NAME SOURCES … DEPENDS …). A module links exactly what it may include.

add_library(afterword_options INTERFACE)
target_include_directories(afterword_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(afterword_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  # GCC 12 takes a coroutine's own operator delete for the wrong one.
  -Wno-mismatched-new-delete)
target_compile_definitions(afterword_options INTERFACE
  # Asio and Beast are compiled once, in async and http.
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  SPDLOG_FMT_EXTERNAL)
target_link_libraries(afterword_options INTERFACE Threads::Threads)

# What is shipped is hardened; tests/system/test_hardening.py reads it off the binary. Tests are not: they are compiled
# without optimisation, and so cannot be fortified. Nor are builds with sanitizers, which see more.
add_library(afterword_hardening INTERFACE)
if(NOT AFTERWORD_SANITIZE)
  target_compile_options(afterword_hardening INTERFACE -fPIE -fstack-protector-strong -fstack-clash-protection
    $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection=full>
    $<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=3>)
  target_compile_definitions(afterword_hardening INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(afterword_hardening INTERFACE -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()

if(AFTERWORD_SANITIZE)
  target_compile_options(afterword_options INTERFACE
    -fsanitize=${AFTERWORD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(AFTERWORD_SANITIZE STREQUAL "thread")
    # Asio's fences, which ThreadSanitizer does not see: what they order is ordered by the queues of handlers as well.
    target_compile_options(afterword_options INTERFACE -Wno-tsan)
  endif()
  target_link_options(afterword_options INTERFACE -fsanitize=${AFTERWORD_SANITIZE})
endif()

function(afterword_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(afterword_${name} STATIC ${arg_SOURCES})
  target_link_libraries(afterword_${name} PUBLIC afterword_options ${arg_DEPENDS} PRIVATE afterword_hardening)
  # Modules that know Asio share one precompiled header, made by the first of them.
  if(TARGET afterword_async AND NOT name STREQUAL async AND "afterword_async" IN_LIST arg_DEPENDS)
    target_precompile_headers(afterword_${name} REUSE_FROM afterword_async)
  endif()
endfunction()

# All tests share one precompiled header, and are not optimised: they are compiled more often than they run.
if(AFTERWORD_TESTS)
  add_library(afterword_testing INTERFACE)
  # Asio, because the header knows it.
  target_link_libraries(afterword_testing INTERFACE GTest::gmock afterword_async afterword_test_main)
  target_compile_options(afterword_testing INTERFACE -O0)
endif()

# What hangs is ended, in seconds. Sanitizers make a test ten times as slow.
set(afterword_test_timeout 120)
if(AFTERWORD_SANITIZE)
  set(afterword_test_timeout 1200)
endif()

function(afterword_test name)
  if(NOT AFTERWORD_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} afterword_testing)
  if(NOT TARGET afterword_test_header)
    add_library(afterword_test_main STATIC ${PROJECT_SOURCE_DIR}/cmake/test_main.cc)
    target_link_libraries(afterword_test_main PRIVATE GTest::gmock afterword_base)
    add_library(afterword_test_header STATIC ${PROJECT_SOURCE_DIR}/cmake/test_header.cc)
    target_link_libraries(afterword_test_header PRIVATE afterword_testing)
    target_precompile_headers(afterword_test_header PRIVATE ${PROJECT_SOURCE_DIR}/cmake/test_header.h)
  endif()
  target_precompile_headers(${name} REUSE_FROM afterword_test_header)
  gtest_discover_tests(${name} PROPERTIES TIMEOUT ${afterword_test_timeout})
endfunction()
