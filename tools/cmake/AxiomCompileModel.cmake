# axiom_compile_model(TARGET name MODEL path OUTPUT file.axm [QUANT q4] [KV f16] [TARGETS target ...] [OPTIONS option ...])
#   A target, part of the default build, that compiles a model with axiomc, and again when the model or axiomc changes.
#   MODEL is what axiomc takes: a .gguf, a .safetensors, an index of shards or a folder, relative to the source folder;
#   a file that another command makes works too. OUTPUT is relative to the binary folder.
#   QUANT, KV and TARGETS are --quant, --kv and --target; OPTIONS are any others (docs/cli.md).
#
# axiomc is, in this order: the variable AXIOM_AXIOMC, the target axiom::axiomc (an installed package with the compiler, or
# Axiom's own build), what find_program finds, which is kept as AXIOM_AXIOMC.

# Sets OUT to the files that axiomc may read for a model; a file is watched with what lies beside it and is read with it.
function(_axiom_model_files OUT MODEL)
  set(patterns "")
  if(IS_DIRECTORY "${MODEL}")
    set(patterns "${MODEL}/*")
  else()
    get_filename_component(folder "${MODEL}" DIRECTORY)
    if(MODEL MATCHES "\\.json$")
      set(patterns "${folder}/*.json" "${folder}/*.jinja" "${folder}/*.safetensors")
    elseif(MODEL MATCHES "\\.safetensors$")
      set(patterns "${folder}/*.json" "${folder}/*.jinja")
    endif()
  endif()
  set(files "")
  if(patterns)
    file(GLOB files LIST_DIRECTORIES false CONFIGURE_DEPENDS ${patterns})
    list(FILTER files EXCLUDE REGEX "\\.axm[^/]*$") # an artifact beside its model, or the file that becomes one
  endif()
  if(NOT IS_DIRECTORY "${MODEL}")
    list(APPEND files "${MODEL}")
    list(REMOVE_DUPLICATES files)
  endif()
  set(${OUT} "${files}" PARENT_SCOPE)
endfunction()

# Sets OUT to the program.
function(_axiom_axiomc OUT)
  if(NOT AXIOM_AXIOMC AND TARGET axiom::axiomc)
    set(${OUT} "$<TARGET_FILE:axiom::axiomc>" PARENT_SCOPE)
    return()
  endif()
  find_program(AXIOM_AXIOMC axiomc DOC "axiomc, which compiles models")
  if(NOT AXIOM_AXIOMC)
    message(FATAL_ERROR "axiom_compile_model: no axiomc found: install Axiom with its compiler, or set AXIOM_AXIOMC to the program")
  endif()
  get_filename_component(path "${AXIOM_AXIOMC}" ABSOLUTE BASE_DIR "${CMAKE_BINARY_DIR}")
  if(NOT EXISTS "${path}" OR IS_DIRECTORY "${path}")
    message(FATAL_ERROR "axiom_compile_model: AXIOM_AXIOMC is ${AXIOM_AXIOMC}, which is no program")
  endif()
  set(${OUT} "${path}" PARENT_SCOPE)
endfunction()

function(axiom_compile_model)
  cmake_parse_arguments(PARSE_ARGV 0 A "" "TARGET;MODEL;OUTPUT;QUANT;KV" "TARGETS;OPTIONS")
  if(A_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "axiom_compile_model: unknown arguments: ${A_UNPARSED_ARGUMENTS}")
  endif()
  foreach(name TARGET MODEL OUTPUT)
    if("${A_${name}}" STREQUAL "")
      message(FATAL_ERROR "axiom_compile_model: ${name} is missing; TARGET, MODEL and OUTPUT are needed")
    endif()
  endforeach()
  if(TARGET "${A_TARGET}")
    message(FATAL_ERROR "axiom_compile_model: there is a target ${A_TARGET} already")
  endif()
  get_filename_component(model "${A_MODEL}" ABSOLUTE)
  get_filename_component(output "${A_OUTPUT}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_BINARY_DIR}")
  get_filename_component(folder "${output}" DIRECTORY)
  get_source_file_property(generated "${model}" GENERATED)
  if(NOT EXISTS "${model}" AND NOT generated)
    message(FATAL_ERROR "axiom_compile_model: MODEL ${model} does not exist, and no command before this one makes it")
  endif()
  _axiom_axiomc(axiomc)
  _axiom_model_files(files "${model}")
  list(REMOVE_ITEM files "${output}")

  set(words "${model}" -o "${output}")
  if(A_QUANT)
    list(APPEND words --quant "${A_QUANT}")
  endif()
  if(A_KV)
    list(APPEND words --kv "${A_KV}")
  endif()
  foreach(target IN LISTS A_TARGETS)
    list(APPEND words --target "${target}")
  endforeach()
  if(NOT A_OPTIONS MATCHES "(^|;)--progress")
    list(APPEND words --progress=none)
  endif()
  list(APPEND words ${A_OPTIONS})
  add_custom_command(
    OUTPUT "${output}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${folder}"
    COMMAND "${axiomc}" ${words}
    DEPENDS ${files} "${axiomc}"
    COMMENT "Compiling the model ${A_TARGET}"
    VERBATIM)
  add_custom_target("${A_TARGET}" ALL DEPENDS "${output}")
endfunction()
