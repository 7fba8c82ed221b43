// --config FILE: flags from a file, a subset of TOML; --print-config: what holds, and where it is
// from.
#ifndef AXIOM_TOOLS_AXIOM_SERVE_CONFIG_H
#define AXIOM_TOOLS_AXIOM_SERVE_CONFIG_H

#include <CLI/CLI.hpp>

#include <memory>
#include <set>
#include <string>

namespace axiom::tool {

/// Lines of `name = value`: a text in "double" or 'single' quotes, a number, true or false, or a
/// list of these in brackets, perhaps over several lines; # begins a comment. A name is that of a
/// flag without its dashes, or `model`. What TOML has beyond that (tables, dates), a name that is
/// no flag and one that is given twice are errors with their line.
class ConfigFile : public CLI::Config {
public:
  /// Adds --config to `app`, which has all its flags and outlives the result. The command line wins
  /// over the file, the file over the environment.
  static std::shared_ptr<ConfigFile> add(CLI::App &app);

  std::vector<CLI::ConfigItem> from_config(std::istream &input) const override;
  /// All values in the form that --config reads, with the source of each as a comment.
  std::string to_config(const CLI::App *app, bool, bool, std::string) const override;
  std::string text() const { return to_config(&app_, true, false, ""); }
  /// The variables from which flags have their values: "AXIOM_HOST, AXIOM_PORT".
  std::string variables() const;

private:
  explicit ConfigFile(const CLI::App &app) : app_(app) {}
  const char *sourceOf(const CLI::Option &option) const;

  const CLI::App &app_;
  mutable std::set<std::string> given_; ///< by the file
};

} // namespace axiom::tool

#endif
