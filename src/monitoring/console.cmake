# The files of the console become constants of the program: makes console_files.cc of them.
file(GLOB names RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/console CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/console/*)
set(files "")
foreach(name ${names})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/console/${name})
  file(READ ${CMAKE_CURRENT_SOURCE_DIR}/console/${name} content)
  string(APPEND files "    {\"${name}\", R\"console(${content})console\"},\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/console_files.cc @ONLY CONTENT
"#include \"monitoring/console_files.h\"

namespace afterword::monitoring {
namespace {

constexpr ConsoleFile files[] = {
@files@};

}  // namespace

std::span<const ConsoleFile> console_files() { return files; }

}  // namespace afterword::monitoring
")
target_sources(afterword_monitoring PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/console_files.cc)
