# Compiler settings that every target shares: language, warnings, visibility, optimisation and sanitizers.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
# Line tables are enough for stack traces and profiles, and full debug information of optimised code takes a quarter of the compile time.
# To look at variables, build with CMAKE_BUILD_TYPE=Debug.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O3 -g1 -DNDEBUG")

add_compile_options(-Wall -Wextra -Werror)
# GCC 12 reports overlapping copies inside std::string's operator+ that cannot happen (GCC bug 105651).
add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# A product and a sum are never fused behind our back: the same source gives the same bits in every kernel variant.
add_compile_options(-ffp-contract=off)

if(TENSILE_SANITIZE STREQUAL "address")
  set(sanitizer -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(TENSILE_SANITIZE STREQUAL "thread")
  # GCC warns that TSan does not model std::atomic_thread_fence; that is a property of the tool, not of the code.
  set(sanitizer -fsanitize=thread)
  add_compile_options(-Wno-tsan)
elseif(NOT TENSILE_SANITIZE STREQUAL "")
  message(FATAL_ERROR "TENSILE_SANITIZE must be empty, 'address' or 'thread', not '${TENSILE_SANITIZE}'")
endif()
if(sanitizer)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
  # The sanitizers' own instrumentation makes GCC's flow-based warnings report paths that do not exist.
  add_compile_options(${sanitizer} -fno-omit-frame-pointer -Wno-maybe-uninitialized)
  add_link_options(${sanitizer})
endif()
