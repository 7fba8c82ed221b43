// Faults on demand: the n-th time that something happens it fails, the same way in every run.
#ifndef AXIOM_TEST_STANDIN_FAULTS_H
#define AXIOM_TEST_STANDIN_FAULTS_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace axiom::standin {

/// A text of items with commas between them, each WHAT@N, or WHAT@N+ for that and all later ones,
/// with =VALUE behind it where the usual one is not meant:
///   the name of a function  the call returns VALUE (out of memory from what allocates, launch out
///                           of resources from a launch, else unknown)
///   kernel                  the n-th kernel that runs fails, and its context with it: VALUE
///                           (launch failed)
///   lost                    from the n-th call that needs a context on, the device is gone: VALUE
///                           (unknown), and no reset brings it back
///   copy                    the n-th copy between host and device takes VALUE milliseconds (100)
class Faults {
public:
  /// False, and nothing changes: the text is not understood.
  bool set(const std::string &text);
  /// Counts one of `what`; gives its value if this one is to fail, else 0.
  int next(const std::string &what);
  uint64_t count(const std::string &what) const;

private:
  struct Item {
    std::string what;
    uint64_t number;
    bool onwards;
    int value;
  };
  std::vector<Item> items;
  std::map<std::string, uint64_t> counts;

  static bool parse(const std::string &text, Item &item);
};

} // namespace axiom::standin

#endif
