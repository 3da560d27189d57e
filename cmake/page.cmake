# Puts the files of a page into a module as they are: afterword_page(MODULE NAME) makes MODULE::NAME() of those in the folder
# NAME and of what all pages share, src/http/page. src/http/page.h serves them.
function(afterword_page module name)
  set(files "")
  foreach(folder ${CMAKE_CURRENT_SOURCE_DIR}/${name} ${PROJECT_SOURCE_DIR}/src/http/page)
    file(GLOB names RELATIVE ${folder} CONFIGURE_DEPENDS ${folder}/*)
    foreach(file ${names})
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/${file})
      file(READ ${folder}/${file} content)
      string(APPEND files "    {\"${file}\", R\"page(${content})page\"},\n")
    endforeach()
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}_files.cc @ONLY CONTENT
"#include \"http/page.h\"

namespace afterword::${module} {
namespace {

constexpr http::PageFile files[] = {
@files@};

}  // namespace

http::Page ${name}_files() { return files; }

}  // namespace afterword::${module}
")
  target_sources(afterword_${module} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/${name}_files.cc)
endfunction()
