# ig_module(name SOURCES file... [HEADERS file...] [DEPENDS module...] [LIBS target...]
#           [OPTIONS flag...])
# makes the static library of one folder. SOURCES and HEADERS are explicit lists. DEPENDS
# names the modules whose headers and symbols it may use; tests/CMakeLists.txt checks both
# (layers, layer_symbols). LIBS are external libraries, PRIVATE to the module. Without
# sources the module is an empty INTERFACE library.
#
# Files named *_avx2.c and *_avx512.c are compiled for that instruction set: callers choose
# at run time. Files named *.pb-c.c are generated and exempt from warnings.

set(IG_AVX2_FLAGS -mavx2 -mfma -mf16c)
set(IG_AVX512_FLAGS ${IG_AVX2_FLAGS} -mavx512f -mavx512bw -mavx512vl -mavx512dq
                    -mprefer-vector-width=512)

# Adds each folder that has a CMakeLists.txt.
function(ig_add_folders)
    foreach(folder IN LISTS ARGN)
        if(EXISTS "${PROJECT_SOURCE_DIR}/${folder}/CMakeLists.txt")
            add_subdirectory("${PROJECT_SOURCE_DIR}/${folder}" "${PROJECT_BINARY_DIR}/${folder}")
        endif()
    endforeach()
endfunction()

function(ig_set_source_flags)
    foreach(source IN LISTS ARGN)
        set(flags "")
        if(source MATCHES "\\.pb-c\\.c$")
            set(flags -w -fno-sanitize=undefined)
        elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND source MATCHES "_avx2\\.c$")
            set(flags ${IG_AVX2_FLAGS})
        elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND source MATCHES "_avx512\\.c$")
            set(flags ${IG_AVX512_FLAGS})
        endif()
        if(flags)
            set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS ${flags})
        endif()
    endforeach()
endfunction()

function(ig_module name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS;DEPENDS;LIBS;OPTIONS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "ig_module(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
    endif()
    foreach(module IN LISTS arg_DEPENDS)
        if(NOT TARGET ${module})
            message(FATAL_ERROR "ig_module(${name}): DEPENDS names ${module}, which is not "
                                "an earlier module")
        endif()
    endforeach()
    if(NOT arg_SOURCES)
        add_library(${name} INTERFACE)
        target_link_libraries(${name} INTERFACE ${arg_DEPENDS})
        return()
    endif()

    ig_set_source_flags(${arg_SOURCES})
    add_library(${name} STATIC ${arg_SOURCES})
    set_target_properties(
        ${name}
        PROPERTIES OUTPUT_NAME ingot_${name}
                   POSITION_INDEPENDENT_CODE ON
                   C_VISIBILITY_PRESET hidden
                   C_STANDARD 11
                   C_EXTENSIONS OFF
                   VERIFY_INTERFACE_HEADER_SETS ON)
    target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}"
                                              "${PROJECT_SOURCE_DIR}/include")
    target_compile_definitions(${name} PUBLIC IG_BUILTIN) # <ingot/plugin_abi.h>: no plugin
    target_compile_options(${name} PRIVATE ${arg_OPTIONS})
    target_link_libraries(${name} PUBLIC ${arg_DEPENDS} PRIVATE ig_flags ${arg_LIBS})
    list(FILTER arg_HEADERS EXCLUDE REGEX "\\.pb-c\\.h$") # exempt from our warnings
    if(arg_HEADERS)
        target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}"
                                      FILES ${arg_HEADERS})
    endif()
    set_property(GLOBAL APPEND PROPERTY IG_MODULES ${name})
    set_property(GLOBAL APPEND PROPERTY IG_MODULE_LIBS ${arg_LIBS})
    # For the symbol check: "name=module,module".
    list(JOIN arg_DEPENDS "," depends)
    set_property(GLOBAL APPEND PROPERTY IG_MODULE_GRAPH "${name}=${depends}")
endfunction()

# ig_program(name SOURCES file... [DEPENDS module...] [LIBS target...]): an executable of ours,
# linked statically, which may use internal headers.
function(ig_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;LIBS")
    add_executable(${name} ${arg_SOURCES})
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON C_STANDARD 11
                                                 C_EXTENSIONS OFF)
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}"
                                               "${PROJECT_SOURCE_DIR}/include")
    target_link_libraries(${name} PRIVATE ${arg_DEPENDS} ig_flags ${arg_LIBS} m)
endfunction()

# ig_example(name SOURCES file... [LIBS target...]): a program that sees what users see, the
# public headers and libingot.so.
function(ig_example name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
    add_executable(${name} ${arg_SOURCES})
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/examples/..")
    target_link_libraries(${name} PRIVATE ingot::ingot ig_example_flags ${arg_LIBS} m)
endfunction()

# ig_plugin(name SOURCES file... [LIBS target...]): a plugin, built as its author would outside this
# tree: with the public headers and without a link to Ingot.
function(ig_plugin name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
    add_library(${name} MODULE ${arg_SOURCES})
    set_target_properties(${name} PROPERTIES PREFIX "" C_VISIBILITY_PRESET default)
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/include")
    target_link_libraries(${name} PRIVATE ig_example_flags ${arg_LIBS} m)
endfunction()
