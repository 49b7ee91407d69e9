# What `cmake --install` puts where: the library (component `runtime` when it is shared), headers,
# and what find_package and pkg-config read (component `development`). Nothing installed holds a
# path of this machine: the tree may be moved. The Python module is pip's (python/CMakeLists.txt).
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(anynats_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/anynats")
install(TARGETS anynats EXPORT anynatsTargets
    RUNTIME COMPONENT runtime
    LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
    ARCHIVE COMPONENT development
    INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY include/anynats DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    COMPONENT development FILES_MATCHING PATTERN "*.hpp")
install(EXPORT anynatsTargets NAMESPACE anynats:: DESTINATION "${anynats_cmake_dir}"
    COMPONENT development)

configure_package_config_file(
    cmake/anynatsConfig.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/anynatsConfig.cmake"
    INSTALL_DESTINATION "${anynats_cmake_dir}" NO_SET_AND_CHECK_MACRO)
# Before 1.0 each minor version may break its users.
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/anynatsConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES
    "${CMAKE_CURRENT_BINARY_DIR}/anynatsConfig.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/anynatsConfigVersion.cmake"
    DESTINATION "${anynats_cmake_dir}" COMPONENT development)

# For pkg-config. An archive brings no list of its own needs, so they stand in Libs there.
file(RELATIVE_PATH ANYNATS_PC_INCLUDEDIR
    "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
set(ANYNATS_PC_NEEDS " -pthread")
set(ANYNATS_PC_CFLAGS "")
if(BUILD_SHARED_LIBS)
    set(ANYNATS_PC_NEEDS "")
    set(ANYNATS_PC_CFLAGS " -DANYNATS_SHARED")
endif()
configure_file(cmake/anynats.pc.in "${CMAKE_CURRENT_BINARY_DIR}/anynats.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/anynats.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)

# Named as Debian wants it, which does no harm elsewhere.
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libanynats-dev"
    RENAME copyright COMPONENT development)
if(BUILD_SHARED_LIBS)
    install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libanynats${ANYNATS_SOVERSION}"
        RENAME copyright COMPONENT runtime)
elseif(ANYNATS_CAN_LTO AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    install(CODE "
        set(archive \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}\")
        string(APPEND archive \"/$<TARGET_FILE_NAME:anynats>\")
        set(compiler \"${CMAKE_CXX_COMPILER}\")
        set(ar \"${CMAKE_AR}\")"
        COMPONENT development)
    install(SCRIPT cmake/plain_archive.cmake COMPONENT development)
endif()
