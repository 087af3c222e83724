# The CUDA Toolkit and cuDNN for operators/gpu: IG_CUDA_FOUND, and
#
# ig_cuda_plugin(target)   settings of a plugin made of C and CUDA sources.
#
# IG_CUDA: AUTO builds the plugin where both are found, ON stops when they are not, OFF never.
set(IG_CUDA_FOUND FALSE)
if(NOT IG_CUDA OR (IG_CUDA STREQUAL "AUTO" AND (IG_SANITIZE OR IG_COVERAGE OR IG_FUZZ)))
    return() # counters and sanitizers are for code that these builds run
endif()

include(CheckLanguage)
check_language(CUDA)
if(CMAKE_CUDA_COMPILER)
    if(NOT CMAKE_CUDA_ARCHITECTURES)
        # Code for A100 and H100, and PTX that newer GPUs compile when they first load it.
        set(CMAKE_CUDA_ARCHITECTURES 80-real 90 CACHE STRING "GPUs to compile for")
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit 13 QUIET)
    find_path(IG_CUDNN_INCLUDE_DIR cudnn_version.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
    find_library(IG_CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR}
                 PATH_SUFFIXES ../lib ../lib64)
    mark_as_advanced(IG_CUDNN_INCLUDE_DIR IG_CUDNN_LIBRARY)
endif()

set(missing "")
if(NOT CMAKE_CUDA_COMPILER)
    set(missing "nvcc")
elseif(NOT CUDAToolkit_FOUND)
    set(missing "CUDA Toolkit 13")
elseif(NOT TARGET CUDA::cublasLt)
    set(missing "cuBLASLt")
elseif(NOT IG_CUDNN_INCLUDE_DIR OR NOT IG_CUDNN_LIBRARY)
    set(missing "cuDNN 9")
else()
    file(STRINGS "${IG_CUDNN_INCLUDE_DIR}/cudnn_version.h" major
         REGEX "^#define CUDNN_MAJOR [0-9]+")
    string(REGEX REPLACE "[^0-9]" "" major "${major}")
    if(major LESS 9)
        set(missing "cuDNN 9 (there is ${major})")
    endif()
endif()
if(missing)
    if(NOT IG_CUDA STREQUAL "AUTO")
        message(FATAL_ERROR "IG_CUDA is ${IG_CUDA}, but this was not found: ${missing}")
    endif()
    message(STATUS "No GPU backend: ${missing} was not found")
    return()
endif()
set(IG_CUDA_FOUND TRUE)

add_library(ig_cuda_libraries INTERFACE)
target_include_directories(ig_cuda_libraries SYSTEM INTERFACE ${CUDAToolkit_INCLUDE_DIRS}
                                                              "${IG_CUDNN_INCLUDE_DIR}")
target_link_libraries(ig_cuda_libraries INTERFACE CUDA::cudart_static CUDA::cublasLt
                                                  "${IG_CUDNN_LIBRARY}")

function(ig_cuda_plugin target)
    set_target_properties(
        ${target}
        PROPERTIES PREFIX ""
                   C_VISIBILITY_PRESET hidden
                   CUDA_VISIBILITY_PRESET hidden
                   C_STANDARD 11
                   C_EXTENSIONS OFF
                   CUDA_RUNTIME_LIBRARY Static
                   LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}/ingot"
                   INSTALL_RPATH_USE_LINK_PATH ON)
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}"
                                                 "${PROJECT_SOURCE_DIR}/include")
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    # Host code by our warnings; nvcc's own files do not pass -Wpedantic. 186: unsigned types in
    # templates that compare with zero.
    target_compile_options(
        ${target}
        PRIVATE "$<$<COMPILE_LANGUAGE:C>:${IG_WARNINGS}>"
                "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-diag-suppress=186;-Xcompiler=-Wall,-Wextra;--fmad=false>")
    if(IG_WERROR)
        target_compile_options(
            ${target}
            PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Werror;-Werror=all-warnings>")
    endif()
    target_link_libraries(${target} PRIVATE ig_cuda_libraries m)
    target_link_options(${target} PRIVATE -Wl,--no-undefined)
    install(TARGETS ${target} DESTINATION "${CMAKE_INSTALL_LIBDIR}/ingot")
endfunction()
