# `cmake --install`: headers, libraries, CMake package, pkg-config file, the command with its man
# pages and completion. Everything is relocatable; tests/packaging builds consumers against it.
if(NOT TARGET ingot_shared)
    return()
endif()
include(CMakePackageConfigHelpers)

install(TARGETS ingot_shared ingot_static EXPORT ingotTargets)
if(TARGET ingot_images)
    install(TARGETS ingot_images LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/ingot")
endif()
install(DIRECTORY include/ingot DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")
# The Python module is plain files; dist-packages is where Debian's Python looks.
install(DIRECTORY tools/python/ingot DESTINATION "${CMAKE_INSTALL_LIBDIR}/python3/dist-packages"
        FILES_MATCHING PATTERN "*.py" PATTERN "__pycache__" EXCLUDE)
if(TARGET ingot)
    install(TARGETS ingot)
    install(DIRECTORY tools/man/ DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" OPTIONAL
            FILES_MATCHING PATTERN "*.1")
    install(FILES tools/ingot.bash RENAME ingot OPTIONAL
            DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
endif()

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ingot")
install(EXPORT ingotTargets NAMESPACE ingot:: DESTINATION "${package_dir}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/ingotConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/ingotConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}")
# Before 1.0 each minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ingotConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/ingotConfig.cmake"
              "${PROJECT_BINARY_DIR}/ingotConfigVersion.cmake"
        DESTINATION "${package_dir}")

list(TRANSFORM IG_PRIVATE_LIBS PREPEND "-l" OUTPUT_VARIABLE private_libs)
list(JOIN private_libs " " IG_PC_LIBS_PRIVATE)
set(pc_dir "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH IG_PC_PREFIX "${pc_dir}" "/p")
configure_file("${CMAKE_CURRENT_LIST_DIR}/ingot.pc.in" "${PROJECT_BINARY_DIR}/ingot.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/ingot.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
