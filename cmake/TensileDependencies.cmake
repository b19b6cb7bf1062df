# What the core needs from the system. scripts/install-dependencies installs it on Debian 12.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(hwy 1.0.3 REQUIRED)

# Debian's dnnl-config.cmake insists on the OpenCL headers, which nothing here uses.
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(tensile_dnnl INTERFACE)
target_include_directories(tensile_dnnl SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
target_link_libraries(tensile_dnnl INTERFACE ${DNNL_LIBRARY})

# FlatBuffers is used header-only: builders and verifiers need nothing from its library.
find_path(FLATBUFFERS_INCLUDE_DIR flatbuffers/flatbuffers.h REQUIRED)
find_program(FLATC flatc REQUIRED)
