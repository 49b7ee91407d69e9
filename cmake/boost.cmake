# Boost::headers, which only the library's own files include; who links it needs no Boost. When pip
# builds us its environment may hold the package boost-headers (pyproject.toml asks for it where we
# come from an sdist): that one is taken first, so that such a build needs nothing of the system.
set(boost_of_pip "")
if(SKBUILD)
    execute_process(
        COMMAND "${Python_EXECUTABLE}" -c
                "import boost_headers; print(boost_headers.get_include(), end='')"
        OUTPUT_VARIABLE boost_of_pip ERROR_QUIET)
endif()
if(boost_of_pip)
    message(STATUS "anynats: the headers of Boost are those that pip brought: ${boost_of_pip}")
    add_library(Boost::headers INTERFACE IMPORTED)
    target_include_directories(Boost::headers INTERFACE "${boost_of_pip}")
else()
    find_package(Boost 1.81)
    if(NOT Boost_FOUND)
        message(FATAL_ERROR "anynats needs the headers of Boost 1.81 or newer. On Debian: "
                            "apt install libboost1.81-dev; elsewhere set Boost_ROOT")
    endif()
endif()
