# libingot.so and libingot.a from the objects of all modules. Only symbols marked IG_API leave
# the shared library; tests/api/exported_symbols.txt lists them.
get_property(modules GLOBAL PROPERTY IG_MODULES)
get_property(libs GLOBAL PROPERTY IG_MODULE_LIBS)
list(REMOVE_DUPLICATES libs)
set(objects "")
foreach(module IN LISTS modules)
    list(APPEND objects "$<TARGET_OBJECTS:${module}>")
endforeach()
if(NOT objects)
    return()
endif()

set(soversion ${PROJECT_VERSION_MAJOR})
set(version_script "${PROJECT_BINARY_DIR}/ingot.map")
file(CONFIGURE OUTPUT "${version_script}" CONTENT
     "INGOT_@soversion@ {\n    global: ig_*;\n    local: *;\n};\n" @ONLY)

add_library(ingot_shared SHARED ${objects})
set_target_properties(
    ingot_shared
    PROPERTIES OUTPUT_NAME ingot
               EXPORT_NAME ingot
               LINKER_LANGUAGE C
               VERSION ${PROJECT_VERSION}
               SOVERSION ${soversion}
               LINK_DEPENDS "${version_script}")
target_link_libraries(ingot_shared PRIVATE ig_flags ${libs} ${CMAKE_DL_LIBS} m)
target_link_options(ingot_shared PRIVATE "-Wl,--version-script,${version_script}")
if(NOT IG_SANITIZE) # clang leaves the sanitizer's own symbols to the program
    target_link_options(ingot_shared PRIVATE -Wl,--no-undefined)
endif()

add_library(ingot_static STATIC ${objects})
set_target_properties(ingot_static PROPERTIES OUTPUT_NAME ingot LINKER_LANGUAGE C)

# The static library's needs, as plain names: a consumer needs no find modules of ours.
set(IG_PRIVATE_LIBS protobuf-c z)
if(IG_ONEDNN)
    list(APPEND IG_PRIVATE_LIBS dnnl)
endif()
if(IG_OPENMP)
    foreach(lib IN LISTS OpenMP_C_LIB_NAMES)
        if(NOT lib STREQUAL "pthread")
            list(APPEND IG_PRIVATE_LIBS ${lib})
        endif()
    endforeach()
endif()
list(APPEND IG_PRIVATE_LIBS dl pthread m)
target_link_libraries(ingot_static INTERFACE ${IG_PRIVATE_LIBS})

foreach(target ingot_shared ingot_static)
    target_include_directories(
        ${target} INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
                            "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
endforeach()
add_library(ingot::ingot ALIAS ingot_shared)
add_library(ingot::ingot_static ALIAS ingot_static)
