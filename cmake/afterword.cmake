# How a folder of src/ becomes a target: afterword_module(NAME SOURCES … DEPENDS …), and its tests a test program:
# afterword_test(NAME SOURCES … DEPENDS …). A module links exactly what it may include.

add_library(afterword_options INTERFACE)
target_include_directories(afterword_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(afterword_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
target_compile_definitions(afterword_options INTERFACE
  # Asio and Beast are compiled once, in async and http.
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  SPDLOG_FMT_EXTERNAL)
target_link_libraries(afterword_options INTERFACE Threads::Threads)
if(AFTERWORD_SANITIZE)
  target_compile_options(afterword_options INTERFACE
    -fsanitize=${AFTERWORD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(afterword_options INTERFACE -fsanitize=${AFTERWORD_SANITIZE})
endif()

function(afterword_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(afterword_${name} STATIC ${arg_SOURCES})
  target_link_libraries(afterword_${name} PUBLIC afterword_options ${arg_DEPENDS})
  # Modules that know Asio share one precompiled header, made by the first of them.
  if(TARGET afterword_async AND NOT name STREQUAL async AND "afterword_async" IN_LIST arg_DEPENDS)
    target_precompile_headers(afterword_${name} REUSE_FROM afterword_async)
  endif()
endfunction()

function(afterword_test name)
  if(NOT AFTERWORD_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} PROPERTIES TIMEOUT 120)
endfunction()
