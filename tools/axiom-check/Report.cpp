#include "tools/axiom-check/Check.h"

#include <algorithm>

namespace axiom::check {
namespace {

std::string xmlText(const std::string &text) {
  std::string out;
  for (char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) < 0x20) // XML 1.0 has no way to write most of these
      out += '?';
    else
      out += c;
  }
  return out;
}

/// Control characters of a hostile name must not reach the terminal.
std::string printable(std::string text) {
  for (char &c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '?';
  return text;
}

} // namespace

bool allSame(const std::vector<Finding> &findings) {
  return std::all_of(findings.begin(), findings.end(), [](const Finding &f) { return f.same; });
}

std::string reportTable(const std::vector<Finding> &findings, bool all) {
  size_t width = 0, different = 0;
  for (const Finding &f : findings)
    if (all || !f.same)
      width = std::max(width, std::min<size_t>(f.name.size(), 60));
  std::string out;
  for (const Finding &f : findings) {
    different += !f.same;
    if (!all && f.same)
      continue;
    std::string name = printable(f.name);
    name.resize(std::max(name.size(), width), ' ');
    out += (f.same ? "same    " : "DIFFERS ") + name +
           (f.detail.empty() ? "" : "  " + printable(f.detail)) + "\n";
  }
  return out + format("%zu compared, %zu differ\n", findings.size(), different);
}

std::string junitXml(const std::vector<Finding> &findings, const std::string &suite) {
  size_t failures = static_cast<size_t>(
      std::count_if(findings.begin(), findings.end(), [](const Finding &f) { return !f.same; }));
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  out += format("<testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\">\n", xmlText(suite).c_str(),
                findings.size(), failures);
  for (const Finding &f : findings) {
    out += "  <testcase classname=\"axiom-check\" name=\"" + xmlText(f.name) + "\"";
    out += f.same ? "/>\n" : "><failure message=\"" + xmlText(f.detail) + "\"/></testcase>\n";
  }
  return out + "</testsuite>\n";
}

} // namespace axiom::check
