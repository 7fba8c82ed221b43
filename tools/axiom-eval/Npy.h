// The header of NumPy's .npy format, version 1.0: magic, version, length, a Python literal padded
// with spaces so that the data starts at a multiple of 64.
#ifndef AXIOM_TOOLS_AXIOM_EVAL_NPY_H
#define AXIOM_TOOLS_AXIOM_EVAL_NPY_H

#include <cstdint>
#include <string>

namespace axiom::eval {

inline std::string npyHeader(uint64_t rows, uint64_t columns) {
  std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) +
                     ", " + std::to_string(columns) + "), }";
  dict.append(63 - (10 + dict.size()) % 64, ' ');
  dict += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dict.size() & 0xff);
  header += static_cast<char>(dict.size() >> 8);
  return header + dict;
}

} // namespace axiom::eval

#endif
