# The chat template compiler needs no MLIR, so that runtime-only builds can test it.
include_guard(GLOBAL)
set(_dir ${CMAKE_SOURCE_DIR}/compiler/import)
axiom_library(AxiomChatTemplate
  SRCS
    ${_dir}/ChatTemplateBuilder.cpp
    ${_dir}/ChatTemplateCompiler.cpp
    ${_dir}/ChatTemplateExpressions.cpp
    ${_dir}/ChatTemplateLexer.cpp
    ${_dir}/ChatTemplateStatements.cpp
  DEPS AxiomText AxiomBase)
