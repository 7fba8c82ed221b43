# axiom_library(NAME SRCS a.cpp ... [DEPS target ...] [NO_RTTI])
#   A static library target with the project's warnings, numerics flags and include root.
# axiom_tool(NAME SRCS ... DEPS ... [NO_RTTI])   an executable in build/bin
# axiom_unit_test(NAME SRCS ... DEPS ...)        a GoogleTest executable, registered with ctest
#
# -ffp-contract=off is part of the numerics contract (docs/numerics.md): an fma happens only where it is written.

function(_axiom_target NAME NO_RTTI)
  target_include_directories(${NAME} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  target_compile_options(${NAME} PRIVATE -Wall -Wextra $<$<BOOL:${AXIOM_WARNINGS_AS_ERRORS}>:-Werror> -ffp-contract=off -fno-fast-math)
  if(NO_RTTI)
    target_compile_options(${NAME} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
  endif()
  if(AXIOM_SANITIZE)
    target_compile_options(${NAME} PRIVATE -fsanitize=${AXIOM_SANITIZE} -fno-sanitize-recover=all -g)
    target_link_options(${NAME} PRIVATE -fsanitize=${AXIOM_SANITIZE})
  endif()
endfunction()

function(axiom_library NAME)
  cmake_parse_arguments(A "NO_RTTI" "" "SRCS;DEPS" ${ARGN})
  add_library(${NAME} STATIC ${A_SRCS})
  _axiom_target(${NAME} "${A_NO_RTTI}")
  target_link_libraries(${NAME} PUBLIC ${A_DEPS})
endfunction()

function(axiom_tool NAME)
  cmake_parse_arguments(A "NO_RTTI" "" "SRCS;DEPS" ${ARGN})
  add_executable(${NAME} ${A_SRCS})
  _axiom_target(${NAME} "${A_NO_RTTI}")
  target_link_libraries(${NAME} PRIVATE ${A_DEPS})
endfunction()

function(axiom_unit_test NAME)
  cmake_parse_arguments(A "NO_RTTI" "" "SRCS;DEPS" ${ARGN})
  add_executable(${NAME} ${A_SRCS})
  _axiom_target(${NAME} "${A_NO_RTTI}")
  target_compile_options(${NAME} PRIVATE ${AXIOM_OPTIMIZE_TESTS})
  target_link_libraries(${NAME} PRIVATE ${A_DEPS} GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${NAME} DISCOVERY_TIMEOUT 120)
endfunction()
