#include "test/standin/Faults.h"

#include "test/standin/Api.h"

#include <cstdlib>
#include <set>
#include <sstream>

namespace axiom::standin {

static int usualValue(const std::string &what) {
  static const std::set<std::string> allocate = {
      "cuMemAlloc_v2",           "cuMemHostAlloc",
      "cuStreamCreate",          "cuEventCreate",
      "cuModuleLoadDataEx",      "cuModuleLoadData",
      "cuCtxCreate_v2",          "cuGraphInstantiateWithFlags",
      "cuDevicePrimaryCtxRetain"};
  if (allocate.count(what))
    return OutOfMemory;
  if (what == "cuLaunchKernel" || what == "cuGraphLaunch")
    return LaunchOutOfResources;
  return what == "kernel" ? LaunchFailed : what == "copy" ? 100 : Unknown;
}

bool Faults::parse(const std::string &text, Item &item) {
  size_t at = text.find('@');
  if (at == 0 || at == std::string::npos)
    return false;
  item.what = text.substr(0, at);
  char *end = nullptr;
  item.number = std::strtoull(text.c_str() + at + 1, &end, 10);
  if (item.number == 0)
    return false;
  item.onwards = *end == '+' || item.what == "lost";
  end += *end == '+';
  item.value = usualValue(item.what);
  if (*end == '=')
    item.value = static_cast<int>(std::strtol(end + 1, &end, 10));
  return *end == '\0' && item.value > 0;
}

bool Faults::set(const std::string &text) {
  std::vector<Item> parsed;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');)
    if (!parse(part, parsed.emplace_back()))
      return false;
  items = std::move(parsed);
  counts.clear();
  return true;
}

int Faults::next(const std::string &what) {
  uint64_t number = ++counts[what];
  for (const Item &item : items)
    if (item.what == what && (number == item.number || (item.onwards && number > item.number)))
      return item.value;
  return 0;
}

uint64_t Faults::count(const std::string &what) const {
  auto found = counts.find(what);
  return found == counts.end() ? 0 : found->second;
}

} // namespace axiom::standin
