# axiom_flatbuffer(NAME schema.fbs)
#   An interface target whose users see the C++ header that flatc generates from the schema, as
#   "<path of the schema from the source root>/<stem>_generated.h", with a verifier for its root.
#
# Where there is no flatc: AXIOM_SCHEMA_HEADERS, a folder with the generated headers by that path and flatbuffers' own beside
# them, from a machine that has it (tools/gpu-check --pack).
set(AXIOM_SCHEMA_HEADERS "" CACHE PATH "Folder with generated headers and those of flatbuffers, instead of flatc")
if(NOT AXIOM_SCHEMA_HEADERS)
  find_program(AXIOM_FLATC flatc REQUIRED)
endif()

function(axiom_flatbuffer NAME SCHEMA)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${SCHEMA})
  get_filename_component(stem ${SCHEMA} NAME_WE)
  if(AXIOM_SCHEMA_HEADERS)
    add_library(${NAME} INTERFACE)
    target_include_directories(${NAME} INTERFACE ${CMAKE_SOURCE_DIR})
    target_include_directories(${NAME} SYSTEM INTERFACE ${AXIOM_SCHEMA_HEADERS})
    return()
  endif()
  set(header ${CMAKE_CURRENT_BINARY_DIR}/${stem}_generated.h)
  add_custom_command(
    OUTPUT ${header}
    COMMAND ${AXIOM_FLATC} --cpp --cpp-std c++17 --scoped-enums -o ${CMAKE_CURRENT_BINARY_DIR} ${source}
    DEPENDS ${source}
    COMMENT "Generating ${stem}_generated.h"
    VERBATIM)
  add_custom_target(${NAME}Header DEPENDS ${header})
  add_library(${NAME} INTERFACE)
  add_dependencies(${NAME} ${NAME}Header)
  target_include_directories(${NAME} INTERFACE ${CMAKE_SOURCE_DIR})
  target_include_directories(${NAME} SYSTEM INTERFACE ${CMAKE_BINARY_DIR})
endfunction()
