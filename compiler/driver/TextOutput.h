// Results other than artifacts: IR and assembly texts, objects, dumps.
#ifndef AXIOM_COMPILER_DRIVER_TEXTOUTPUT_H
#define AXIOM_COMPILER_DRIVER_TEXTOUTPUT_H

#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace axiom {

/// Writes a whole file (temporary name, then rename); an empty path or "-" is stdout.
Status writeText(const std::string &path, std::string_view text);

/// Creates the folder if it does not exist yet.
Status makeFolder(const std::string &path);

} // namespace axiom

#endif
