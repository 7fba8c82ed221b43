# LLVM, MLIR and LLD 22 from Debian, and axiom_mlir_library()/axiom_mlir_tool() on top of
# axiom_library()/axiom_tool(): include folders, no RTTI, one shared precompiled header.
find_package(MLIR REQUIRED CONFIG PATHS /usr/lib/llvm-22)
find_package(LLD REQUIRED CONFIG PATHS /usr/lib/llvm-22)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

function(_axiom_mlir NAME)
  target_include_directories(${NAME} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS} ${LLD_INCLUDE_DIRS})
  target_compile_options(${NAME} PRIVATE -Wno-unused-parameter)
endfunction()

function(axiom_mlir_library NAME)
  axiom_library(${NAME} ${ARGN} NO_RTTI)
  _axiom_mlir(${NAME})
  target_link_libraries(${NAME} PUBLIC MLIR LLVM)
endfunction()

function(axiom_mlir_tool NAME)
  axiom_tool(${NAME} ${ARGN} NO_RTTI)
  _axiom_mlir(${NAME})
  target_link_libraries(${NAME} PRIVATE MLIR LLVM)
endfunction()
