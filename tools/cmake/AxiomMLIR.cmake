# LLVM, MLIR and LLD 22 from Debian, and axiom_mlir_library()/_tool()/_unit_test() on top of
# axiom_library()/axiom_tool()/axiom_unit_test(): include folders, no RTTI, one shared precompiled header
# (tools/cmake/MlirHeaders.h) for the libraries.
find_package(MLIR REQUIRED CONFIG PATHS /usr/lib/llvm-22)
find_package(LLD REQUIRED CONFIG PATHS /usr/lib/llvm-22)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

option(AXIOM_MLIR_PCH "Precompile the MLIR headers once" ON)

function(_axiom_mlir NAME)
  target_include_directories(${NAME} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS} ${LLD_INCLUDE_DIRS})
  target_compile_options(${NAME} PRIVATE -Wno-unused-parameter)
endfunction()

# The owner of the precompiled header. Every user compiles with the same options.
if(AXIOM_MLIR_PCH)
  axiom_library(AxiomMlirPch SRCS ${CMAKE_SOURCE_DIR}/tools/cmake/MlirHeaders.cpp NO_RTTI)
  _axiom_mlir(AxiomMlirPch)
  target_precompile_headers(AxiomMlirPch PRIVATE ${CMAKE_SOURCE_DIR}/tools/cmake/MlirHeaders.h)
endif()

function(axiom_mlir_library NAME)
  axiom_library(${NAME} ${ARGN} NO_RTTI)
  _axiom_mlir(${NAME})
  target_link_libraries(${NAME} PUBLIC MLIR LLVM)
  if(AXIOM_MLIR_PCH)
    target_precompile_headers(${NAME} REUSE_FROM AxiomMlirPch)
  endif()
endfunction()

function(axiom_mlir_tool NAME)
  axiom_tool(${NAME} ${ARGN} NO_RTTI)
  _axiom_mlir(${NAME})
  target_link_libraries(${NAME} PRIVATE MLIR LLVM)
endfunction()

function(axiom_mlir_unit_test NAME)
  axiom_unit_test(${NAME} ${ARGN} OWN_PCH)
  _axiom_mlir(${NAME})
  target_compile_options(${NAME} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
  target_link_libraries(${NAME} PRIVATE MLIR LLVM)
endfunction()
