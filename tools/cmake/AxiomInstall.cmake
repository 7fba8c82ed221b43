# cmake --install of the runtime: libaxiom, its headers, axiom.pc and the package for find_package(axiom). Components:
# runtime (libaxiom and the tools), development (headers and packages), compiler (axiomc).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Users see the public headers only, not the source tree.
set_target_properties(AxiomRuntime PROPERTIES EXPORT_NAME axiom INTERFACE_INCLUDE_DIRECTORIES
  "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/runtime/include>;$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
add_library(axiom::axiom ALIAS AxiomRuntime)

install(TARGETS AxiomRuntime EXPORT axiomTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  COMPONENT runtime NAMELINK_COMPONENT development)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/runtime/include/axiom DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT development)
install(EXPORT axiomTargets NAMESPACE axiom:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/axiom COMPONENT development)

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/axiomConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/axiomConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/axiom)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/axiomConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/axiomConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/axiomConfigVersion.cmake ${CMAKE_CURRENT_LIST_DIR}/AxiomCompileModel.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/axiom COMPONENT development)

configure_file(${CMAKE_CURRENT_LIST_DIR}/axiom.pc.in ${CMAKE_CURRENT_BINARY_DIR}/axiom.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/axiom.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT development)
