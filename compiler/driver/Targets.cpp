#include "compiler/driver/Targets.h"

#include "codegen/cpu/CodeImage.h"
#include "runtime/artifact/IsaLevel.h"

#include <algorithm>

namespace axiom {

static const std::string kCpu = "cpu:";

std::vector<std::string> knownTargets() {
  std::vector<std::string> targets;
  for (const std::string &level : codegen::cpuLevels())
    targets.push_back(kCpu + level);
  return targets;
}

std::string cpuLevelOf(const std::string &target) { return target.substr(kCpu.size()); }

/// What `--target=cpu:native` may name here: as in the runtime, only levels that a full check has
/// passed.
static bool hostRuns(const std::string &name) {
  const IsaLevel *level = findIsaLevel(name);
  return level && level->proven && level->missing() == 0;
}

static std::string join(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

Result<std::vector<std::string>> resolveTargets(const std::vector<std::string> &asked) {
  std::vector<std::string> known = knownTargets();
  if (asked.empty())
    return known;
  std::vector<std::string> wanted;
  for (const std::string &name : asked) {
    if (name == "cpu:native") {
      // Levels are listed from the least to the most able.
      auto best = std::find_if(known.rbegin(), known.rend(), [](const std::string &target) {
        return hostRuns(cpuLevelOf(target));
      });
      if (best == known.rend())
        return Status(Code::Unsupported,
                      format("this machine runs none of the targets of this build (%s); name one "
                             "with --target to compile for another machine",
                             join(known).c_str()));
      wanted.push_back(*best);
    } else if (std::find(known.begin(), known.end(), name) != known.end()) {
      wanted.push_back(name);
    } else {
      return Status(Code::InvalidArgument,
                    format("unknown target '%s'; this build has %s and cpu:native", name.c_str(),
                           join(known).c_str()));
    }
  }
  std::vector<std::string> targets;
  for (const std::string &name : known)
    if (std::find(wanted.begin(), wanted.end(), name) != wanted.end())
      targets.push_back(name);
  return targets;
}

} // namespace axiom
