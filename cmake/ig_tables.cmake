# ig_op_table(out word...)      -> operators/<word>.c and the generated table of built-in operators
# ig_kernel_table(out word...)  -> <folder>/<word>.c and the generated table of CPU kernels
# ig_device_table(out device file...) -> the files and the generated table of a plugin's kernels for
#                                        that device (lines GPU_TABLE(name)), `gpu_tables`,
#                                        best first
# `out` receives the sources to pass to ig_module(). Each file is searched for lines that begin
# with IG_OPERATOR(Name) or IG_KERNELS(name) (a comment line counts too, for definitions that a
# macro makes); the table names what was found. It is written at build time, only when it
# changes, so that editing an operator neither reconfigures nor recompiles the table.

function(ig_table out kind table)
    cmake_parse_arguments(PARSE_ARGV 3 arg "" "DEVICE" "")
    set(sources "")
    foreach(word IN LISTS arg_UNPARSED_ARGUMENTS)
        set(file "${CMAKE_CURRENT_SOURCE_DIR}/${word}")
        if(NOT word MATCHES "\\.cu?$")
            string(APPEND file .c)
        endif()
        if(NOT EXISTS "${file}")
            message(FATAL_ERROR "the list of ${kind}s names `${word}`, but ${file} does not exist")
        endif()
        list(APPEND sources "${file}")
    endforeach()
    set(generated "${CMAKE_CURRENT_BINARY_DIR}/${table}.c")
    set(script "${PROJECT_SOURCE_DIR}/cmake/write_table.cmake")
    add_custom_command(
        OUTPUT "${generated}"
        COMMAND "${CMAKE_COMMAND}" "-Dkind=${kind}" "-Doutput=${generated}"
                "-Dsources=${sources}" "-Ddevice=${arg_DEVICE}" -P "${script}"
        DEPENDS ${sources} "${script}"
        COMMENT "Collecting ${kind}s"
        VERBATIM)
    set(${out} ${sources} "${generated}" PARENT_SCOPE)
endfunction()

function(ig_op_table out)
    ig_table(table operator builtin_ops ${ARGN})
    set(${out} ${table} PARENT_SCOPE)
endfunction()

function(ig_kernel_table out)
    ig_table(table kernel cpu_kernels ${ARGN})
    set(${out} ${table} PARENT_SCOPE)
endfunction()

function(ig_device_table out device)
    ig_table(table device gpu_tables_${device} DEVICE ${device} ${ARGN})
    set(${out} ${table} PARENT_SCOPE)
endfunction()
