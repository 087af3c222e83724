# Finds what Ingot builds on. A missing library stops the configuration with the name of its
# Debian package, so that `tools/quickstart` and people read the same answer.
function(ig_missing what package option)
    set(hint "")
    if(option)
        set(hint ", or configure with -D${option}=OFF")
    endif()
    message(FATAL_ERROR "${what} was not found: install ${package}${hint}")
endfunction()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig QUIET)
if(NOT PkgConfig_FOUND)
    ig_missing("pkg-config" "pkg-config" "")
endif()

# Targets to name in LIBS of ig_module().
add_library(ig_openmp INTERFACE)
if(IG_OPENMP)
    find_package(OpenMP QUIET COMPONENTS C)
    if(NOT OpenMP_C_FOUND)
        ig_missing("OpenMP" "libgomp1 (gcc) or libomp-dev (clang)" IG_OPENMP)
    endif()
    target_link_libraries(ig_openmp INTERFACE OpenMP::OpenMP_C)
endif()

add_library(ig_onednn INTERFACE)
if(IG_ONEDNN)
    # Not by its CMake package: Debian's asks for the OpenCL headers, which we do not use.
    find_path(IG_ONEDNN_INCLUDE_DIR dnnl.h)
    find_library(IG_ONEDNN_LIBRARY dnnl)
    mark_as_advanced(IG_ONEDNN_INCLUDE_DIR IG_ONEDNN_LIBRARY)
    if(NOT IG_ONEDNN_INCLUDE_DIR OR NOT IG_ONEDNN_LIBRARY)
        ig_missing("oneDNN" "libdnnl-dev" IG_ONEDNN)
    endif()
    target_include_directories(ig_onednn SYSTEM INTERFACE "${IG_ONEDNN_INCLUDE_DIR}")
    target_link_libraries(ig_onednn INTERFACE "${IG_ONEDNN_LIBRARY}")
    target_compile_definitions(ig_onednn INTERFACE IG_HAVE_ONEDNN=1)
endif()

pkg_check_modules(PROTOBUF_C QUIET IMPORTED_TARGET "libprotobuf-c >= 1.4")
if(NOT PROTOBUF_C_FOUND)
    ig_missing("protobuf-c" "libprotobuf-c-dev" "")
endif()
add_library(ig_protobuf_c INTERFACE)
target_link_libraries(ig_protobuf_c INTERFACE PkgConfig::PROTOBUF_C)
pkg_check_modules(ZLIB QUIET IMPORTED_TARGET zlib)
if(NOT ZLIB_FOUND)
    ig_missing("zlib" "zlib1g-dev" "")
endif()
add_library(ig_zlib INTERFACE)
target_link_libraries(ig_zlib INTERFACE PkgConfig::ZLIB)

find_program(IG_PROTOC_C protoc-c) # only the freshness check of generated files needs it

# Decoders of images, of a library of its own (operators/images). All or none.
add_library(ig_images INTERFACE)
set(IG_HAVE_IMAGES OFF)
if(IG_IMAGES)
    # libtiff from 4.5 on limits its own memory.
    pkg_check_modules(IMAGES QUIET IMPORTED_TARGET libjpeg libopenjp2 libpng "libtiff-4 >= 4.5"
                      libwebp)
    if(IMAGES_FOUND)
        set(IG_HAVE_IMAGES ON)
        target_link_libraries(ig_images INTERFACE PkgConfig::IMAGES)
    else()
        message(STATUS "Images other than BMP and PNM: not built, for lack of libjpeg62-turbo-dev, "
                       "libopenjp2-7-dev, libpng-dev, libtiff-dev or libwebp-dev")
    endif()
endif()
if(IG_TOOLS)
    find_package(PNG QUIET) # an example writes files
endif()
