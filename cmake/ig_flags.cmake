# Compiler settings shared by all of Ingot's targets, carried by the target `ig_flags`.
# Nothing is set globally, so a project that includes Ingot keeps its own flags.
include(CheckCCompilerFlag)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

if(PROJECT_IS_TOP_LEVEL)
    if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
        set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
    endif()
    set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()

add_library(ig_flags INTERFACE)
target_compile_features(ig_flags INTERFACE c_std_11)
target_compile_definitions(ig_flags INTERFACE _GNU_SOURCE IG_BUILTIN)
target_compile_options(
    ig_flags
    INTERFACE
        # A product and a sum are two roundings everywhere unless the code says fma.
        -ffp-contract=off
        # Error messages name files relative to the source tree.
        "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=")

set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Walloca
             -Wstrict-prototypes -Wmissing-prototypes)
if(IG_WERROR)
    list(APPEND warnings -Werror)
endif()
set(IG_WARNINGS ${warnings})
target_compile_options(ig_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:${warnings}>")
if(NOT IG_OPENMP)
    # Pragmas for vectorisation stay in force, those for threads are ignored without a warning.
    target_compile_options(ig_flags INTERFACE -fopenmp-simd)
endif()

# Examples show what users write, so they bring their own language standard and no definitions.
add_library(ig_example_flags INTERFACE)
target_compile_features(ig_example_flags INTERFACE c_std_11)
target_compile_options(ig_example_flags INTERFACE -Wall -Wextra -Wpedantic
                                                  $<$<BOOL:${IG_WERROR}>:-Werror>)

function(ig_flag_if_supported flag)
    string(MAKE_C_IDENTIFIER "IG_HAS${flag}" var)
    check_c_compiler_flag("-Werror ${flag}" ${var})
    if(${var})
        target_compile_options(ig_flags INTERFACE ${flag})
    endif()
endfunction()

if(IG_HARDENING)
    target_compile_options(ig_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
                                              -fno-delete-null-pointer-checks)
    ig_flag_if_supported(-fstack-protector-strong)
    ig_flag_if_supported(-fstack-clash-protection)
    ig_flag_if_supported(-fcf-protection)
    ig_flag_if_supported(-fno-strict-overflow)
    ig_flag_if_supported(-ftrivial-auto-var-init=zero)
    target_compile_options(ig_flags INTERFACE
                           "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
    target_link_options(ig_flags INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
endif()

if(IG_SANITIZE)
    set(sanitize -fsanitize=${IG_SANITIZE} -fno-omit-frame-pointer)
    if(IG_SANITIZE MATCHES "undefined")
        list(APPEND sanitize -fno-sanitize-recover=all)
    endif()
    foreach(flags ig_flags ig_example_flags)
        target_compile_options(${flags} INTERFACE ${sanitize})
        target_link_options(${flags} INTERFACE ${sanitize})
    endforeach()
endif()
if(IG_FUZZ)
    target_compile_options(ig_flags INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(ig_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(IG_COVERAGE)
    target_compile_options(ig_flags INTERFACE --coverage)
    target_link_options(ig_flags INTERFACE --coverage)
    find_program(IG_GCOVR gcovr)
    if(IG_GCOVR)
        add_custom_target(
            coverage
            COMMAND "${IG_GCOVR}" --root "${PROJECT_SOURCE_DIR}" --exclude tests/ --exclude
                    ".*pb-c.*" --txt-metric branch --html-details coverage.html
            COMMENT "Writing coverage.html from the counters of the last test run")
    endif()
endif()

# What a program that links these libraries must be compiled and linked with.
set(IG_CONSUMER_FLAGS "")
if(IG_SANITIZE)
    set(IG_CONSUMER_FLAGS "-fsanitize=${IG_SANITIZE}")
endif()
if(IG_COVERAGE)
    string(APPEND IG_CONSUMER_FLAGS " --coverage")
endif()
