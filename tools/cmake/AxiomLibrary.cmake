# axiom_library(NAME SRCS a.cpp ... [DEPS target ...] [NO_RTTI])
#   A static library target with the project's warnings, numerics flags and include root.
# axiom_tool(NAME SRCS ... DEPS ... [NO_RTTI])   an executable in build/bin
# axiom_unit_test(NAME SRCS ... DEPS ... [NO_RTTI] [OWN_PCH])   a GoogleTest executable, registered with ctest; OWN_PCH: other options than
#   those of the shared precompiled GoogleTest follow
#
# axiom_precompile(NAME header ...)              precompiles headers that most files of the target include
# axiom_no_sanitized_program(NAME ...)           programs that no test runs under sanitizers are left out of such a build
#
# -ffp-contract=off is part of the numerics contract (docs/numerics.md): an fma happens only where it is written.

option(AXIOM_PCH "Precompile headers that many files share" ON)

function(axiom_precompile NAME)
  if(AXIOM_PCH)
    target_precompile_headers(${NAME} PRIVATE ${ARGN})
  endif()
endfunction()

function(axiom_no_sanitized_program)
  if(AXIOM_SANITIZE)
    set_target_properties(${ARGN} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

function(_axiom_target NAME NO_RTTI)
  target_include_directories(${NAME} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  target_compile_options(${NAME} PRIVATE -Wall -Wextra $<$<BOOL:${AXIOM_WARNINGS_AS_ERRORS}>:-Werror> -ffp-contract=off -fno-fast-math)
  if(NO_RTTI)
    target_compile_options(${NAME} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
  endif()
  if(AXIOM_SANITIZE)
    # Not "function": it reads the eight bytes before a function, and generated code can begin where its pages do.
    target_compile_options(${NAME} PRIVATE -fsanitize=${AXIOM_SANITIZE} $<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=function>
      -fno-sanitize-recover=all -g)
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

# The owner of the precompiled GoogleTest: its users compile with the same options.
function(_axiom_test_pch NAME)
  add_executable(${NAME} ${CMAKE_SOURCE_DIR}/tools/cmake/TestHeaders.cpp)
  _axiom_target(${NAME} "")
  target_compile_options(${NAME} PRIVATE ${AXIOM_OPTIMIZE_TESTS})
  target_link_libraries(${NAME} PRIVATE GTest::gtest)
  target_precompile_headers(${NAME} PRIVATE ${CMAKE_SOURCE_DIR}/tools/cmake/TestHeaders.h)
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/pch)
endfunction()

function(axiom_unit_test NAME)
  cmake_parse_arguments(A "NO_RTTI;OWN_PCH" "" "SRCS;DEPS" ${ARGN})
  add_executable(${NAME} ${A_SRCS})
  _axiom_target(${NAME} "${A_NO_RTTI}")
  target_compile_options(${NAME} PRIVATE ${AXIOM_OPTIMIZE_TESTS})
  target_link_libraries(${NAME} PRIVATE ${A_DEPS} GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${NAME} DISCOVERY_TIMEOUT 120)
  if(AXIOM_PCH AND NOT A_OWN_PCH AND NOT A_NO_RTTI)
    if(NOT TARGET AxiomTestPch)
      _axiom_test_pch(AxiomTestPch)
    endif()
    target_precompile_headers(${NAME} REUSE_FROM AxiomTestPch)
  endif()
endfunction()
