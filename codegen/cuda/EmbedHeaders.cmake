# cmake -DROOT=... -DOUT=... -DHEADERS=a;b -P EmbedHeaders.cmake: writes deviceHeaders() of DeviceHeaders.h.
set(text "#include \"codegen/cuda/DeviceHeaders.h\"\n\nnamespace axiom::codegen {\n\n")
string(APPEND text "static const DeviceHeader kHeaders[] = {\n")
foreach(header ${HEADERS})
  file(READ ${ROOT}/${header} content)
  string(APPEND text "    {\"${header}\", R\"HEADER(${content})HEADER\"},\n")
endforeach()
string(APPEND text "};\n\nstd::span<const DeviceHeader> deviceHeaders() { return kHeaders; }\n\n} // namespace axiom::codegen\n")
file(WRITE ${OUT} "${text}")
