# ig_test(name SOURCES file... DEPENDS module... [LIBS target...] [TIMEOUT seconds]
#         [LABELS label...])
# makes one cmocka program from tests/support/test_main.c and the sources, linked only with the
# modules that it names, and gives each of its tests to CTest by name.
#
# ig_script_test(name COMMAND command... [LABELS label...] [TIMEOUT seconds]) runs a script.
include(GoogleTest)
find_package(Python3 3.9 QUIET COMPONENTS Interpreter)
if(NOT Python3_FOUND)
    ig_missing("Python 3" "python3" IG_TESTS)
endif()
pkg_check_modules(CMOCKA QUIET IMPORTED_TARGET cmocka)
if(NOT CMOCKA_FOUND)
    ig_missing("cmocka" "libcmocka-dev" IG_TESTS)
endif()

set(IG_TEST_ENVIRONMENT
    "INGOT_COMPANIONS=${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}/ingot"
    "OMP_WAIT_POLICY=passive"
    "ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=ignore_noninstrumented_modules=1")

function(ig_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;DEPENDS;LIBS;LABELS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "ig_test(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 600)
    endif()
    add_executable(${name} ${arg_SOURCES})
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON C_STANDARD 11
                                                 C_EXTENSIONS OFF)
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}"
                                               "${PROJECT_SOURCE_DIR}/include")
    target_compile_definitions(${name} PRIVATE "IG_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\""
                                               "IG_BINARY_DIR=\"${PROJECT_BINARY_DIR}\"")
    target_link_libraries(${name} PRIVATE ig_test_main ${arg_DEPENDS} ig_flags ${arg_LIBS} m)
    gtest_discover_tests(
        ${name}
        DISCOVERY_MODE PRE_TEST
        DISCOVERY_TIMEOUT 60
        PROPERTIES TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${IG_TEST_ENVIRONMENT}"
                   LABELS "${arg_LABELS}")
endfunction()

function(ig_script_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "COMMAND;LABELS")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 600)
    endif()
    add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
                                            SKIP_RETURN_CODE 77)
endfunction()

# ig_fuzz(name SOURCES file... DEPENDS module... CORPUS folder): a program around
# LLVMFuzzerTestOneInput. With IG_FUZZ it is a fuzzer; otherwise it replays its corpus as a test,
# and with DAMAGE the program <name>_damage also replays all damaged copies of the corpus.
function(ig_fuzz name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "DAMAGE" "CORPUS" "SOURCES;DEPENDS;LIBS")
    add_executable(${name} ${arg_SOURCES})
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}"
                                               "${PROJECT_SOURCE_DIR}/include")
    target_link_libraries(${name} PRIVATE ${arg_DEPENDS} ig_flags ${arg_LIBS} m)
    if(IG_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/fuzz_replay.c")
    endif()
    if(arg_CORPUS)
        set(runs "")
        if(IG_FUZZ)
            set(runs -runs=0)
        endif()
        add_test(NAME ${name} COMMAND ${name} ${runs} "${CMAKE_CURRENT_SOURCE_DIR}/${arg_CORPUS}")
        set_tests_properties(${name} PROPERTIES TIMEOUT 600 LABELS fuzz
                                                ENVIRONMENT "${IG_TEST_ENVIRONMENT}")
    endif()
    if(arg_DAMAGE AND NOT IG_FUZZ)
        add_executable(${name}_damage ${arg_SOURCES}
                                      "${PROJECT_SOURCE_DIR}/tests/support/fuzz_damage.c")
        target_include_directories(${name}_damage PRIVATE "${PROJECT_SOURCE_DIR}"
                                                          "${PROJECT_SOURCE_DIR}/include")
        target_link_libraries(${name}_damage PRIVATE ${arg_DEPENDS} ig_flags ${arg_LIBS} m)
        add_test(NAME ${name}_damage
                 COMMAND ${name}_damage "${CMAKE_CURRENT_SOURCE_DIR}/${arg_CORPUS}")
        set_tests_properties(${name}_damage PROPERTIES TIMEOUT 600 LABELS fuzz
                                                       ENVIRONMENT "${IG_TEST_ENVIRONMENT}")
    endif()
endfunction()
