# tensile_add_layer(NAME [SMALL_FILES] [EXCLUDE file...] [DEPENDS target...]): one static library tensile_NAME from all sources below
# the calling folder. A layer that so far has headers only becomes an INTERFACE library, so that dependants need not care.
#
# SMALL_FILES says that compiling the layer is mostly reading headers. The sanitizer builds then compile eight of its files as one,
# which takes less than half the time; names in unnamed namespaces must differ within such a layer. The plain build compiles every
# file by itself, so an #include that is missing shows there.
function(tensile_add_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SMALL_FILES" "" "EXCLUDE;DEPENDS")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  foreach(file IN LISTS arg_EXCLUDE)
    list(REMOVE_ITEM sources "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  endforeach()
  if(sources)
    add_library(tensile_${name} STATIC ${sources})
    set(scope PUBLIC)
    if(arg_SMALL_FILES AND TENSILE_SANITIZE)
      set_target_properties(tensile_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    endif()
  else()
    add_library(tensile_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(tensile_${name} ${scope} "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(tensile_${name} ${scope} ${arg_DEPENDS})
endfunction()
