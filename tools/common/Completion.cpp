#include "tools/common/Completion.h"

#include <cctype>
#include <utility>
#include <vector>

namespace axiom::tool {
namespace {

struct Flag {
  std::vector<std::string> names; ///< with dashes, short ones first
  std::string text;               ///< what it does
  std::string type;               ///< name of its value; empty: it takes none
  std::vector<std::string> choices;
  bool file = false, repeats = false;
};

struct Command {
  std::string name, text; ///< the program's own command has no name
  std::vector<Flag> flags;
  bool positionals = false; ///< all are files
};

/// "HOW:{map,copy}", as the parser describes a type that is one of these.
std::vector<std::string> choicesOf(const std::string &type) {
  size_t open = type.find(":{"), close = type.find('}');
  if (open == std::string::npos || close == std::string::npos || close < open)
    return {};
  return CLI::detail::split(type.substr(open + 2, close - open - 2), ',');
}

Command describe(const CLI::App &app, const std::string &name) {
  Command command{name, app.get_description(), {}, false};
  for (const CLI::Option *option : app.get_options()) {
    Flag flag;
    for (const std::string &letter : option->get_snames())
      flag.names.push_back("-" + letter);
    for (const std::string &word : option->get_lnames())
      flag.names.push_back("--" + word);
    if (flag.names.empty()) {
      command.positionals = true;
      continue;
    }
    flag.text = option->get_description();
    if (option->get_items_expected_max() != 0) {
      std::string type = option->get_type_name();
      flag.choices = choicesOf(type);
      flag.type = type.substr(0, type.find(':'));
      flag.file = flag.type == "FILE" || flag.type == "DIR" || flag.type == "MODEL";
      flag.repeats = option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
    }
    command.flags.push_back(flag);
  }
  return command;
}

/// The program's own command first.
std::vector<Command> commandsOf(const CLI::App &app) {
  std::vector<Command> commands{describe(app, "")};
  for (const CLI::App *command : app.get_subcommands({}))
    commands.push_back(describe(*command, command->get_name()));
  return commands;
}

std::string join(const std::vector<std::string> &words, const char *between) {
  return CLI::detail::join(words, between);
}

/// Every appearance of `from`, left to right; what `to` brings is not looked at again.
std::string replaced(const std::string &text, const std::string &from, const std::string &to) {
  std::string out;
  size_t at = 0;
  for (size_t found; (found = text.find(from, at)) != std::string::npos; at = found + from.size())
    out += text.substr(at, found - at) + to;
  return out + text.substr(at);
}

/// A word that bash and zsh do not look into.
std::string shellWord(const std::string &text) { return "'" + replaced(text, "'", "'\\''") + "'"; }

/// Fills in a script's template; "axiom-run" gives functions whose names begin with _axiom_run.
std::string filled(std::string text, const std::string &program,
                   const std::vector<std::pair<const char *, std::string>> &parts) {
  std::string function = "_";
  for (char c : program)
    function += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  for (auto &[mark, part] : parts)
    text = replaced(text, mark, part);
  return replaced(replaced(text, "@FUNCTION@", function), "@PROGRAM@", program);
}

/// Names of all commands but the program's own.
std::vector<std::string> names(const std::vector<Command> &commands) {
  std::vector<std::string> out;
  for (size_t i = 1; i < commands.size(); ++i)
    out.push_back(commands[i].name);
  return out;
}

// The flag before the cursor decides (cases "COMMAND FLAG"), else the command does. bash hands
// --flag=value over as three words, and so a value with a colon, of which it replaces the last.
constexpr const char *kBash =
    R"(# bash completion of @PROGRAM@: source <(@PROGRAM@ --completion bash)
@FUNCTION@() {
  local at=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]} prev
  local command='' words='' flags='' files='' i
  COMPREPLY=()
  while ((at > 1)) && [[ ${COMP_WORDS[at]} == : || ${COMP_WORDS[at - 1]} == : ]]; do
    ((--at))
    cur=${COMP_WORDS[at]}$cur
  done
  prev=${COMP_WORDS[at - 1]}
  if [[ $cur == = ]]; then
    cur=''
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[at - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
@COMMANDS@    esac
  done
  case "$command $prev" in
@VALUES@    *)
      case $command in
@FLAGS@      esac
      if [[ $cur == -* ]]; then
        words=$flags files=''
      fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur"; [[ -z $files ]] || compgen -f -- "$cur")
  COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
  [[ -z $files ]] || compopt -o filenames 2>/dev/null
  return 0
}
complete -F @FUNCTION@ @PROGRAM@
)";

std::string bashScript(const std::vector<Command> &commands, const std::string &program) {
  std::string values, flags;
  std::vector<std::string> skipped;
  for (const Command &command : commands) {
    std::vector<std::string> all, files, nothing;
    for (const Flag &flag : command.flags) {
      all.insert(all.end(), flag.names.begin(), flag.names.end());
      if (flag.type.empty())
        continue;
      if (command.name.empty())
        skipped.insert(skipped.end(), flag.names.begin(), flag.names.end());
      std::vector<std::string> cases;
      for (const std::string &name : flag.names)
        cases.push_back(shellWord(command.name + " " + name));
      if (!flag.choices.empty())
        values +=
            "    " + join(cases, " | ") + ") words=" + shellWord(join(flag.choices, " ")) + " ;;\n";
      else
        for (const std::string &text : cases)
          (flag.file ? files : nothing).push_back(text);
    }
    if (!files.empty())
      values += "    " + join(files, " | ") + ") files=1 ;;\n";
    if (!nothing.empty())
      values += "    " + join(nothing, " | ") + ") ;;\n";
    flags += "        " + shellWord(command.name) + ") flags=" + shellWord(join(all, " "));
    if (command.name.empty() && commands.size() > 1)
      flags += " words=" + shellWord(join(names(commands), " "));
    flags += command.positionals ? " files=1 ;;\n" : " ;;\n";
  }
  std::string found;
  if (commands.size() > 1) {
    found = "      " + join(names(commands), " | ") + ") command=${COMP_WORDS[i]}; break ;;\n";
    if (!skipped.empty())
      found += "      " + join(skipped, " | ") + ") ((++i)) ;;\n";
  }
  return filled(kBash, program, {{"@COMMANDS@", found}, {"@VALUES@", values}, {"@FLAGS@", flags}});
}

// Found in $fpath the file is the function's body; sourced it only registers.
constexpr const char *kZsh = R"(#compdef @PROGRAM@
# zsh completion of @PROGRAM@: source <(@PROGRAM@ --completion zsh)
@FUNCTION@_commands() {
  local -a commands=(
@COMMANDS@  )
  _describe command commands
}
@FUNCTION@() {
  local context state line
  typeset -A opt_args
@ARGUMENTS@}
if [[ ${funcstack[1]} == @FUNCTION@ ]]; then
  @FUNCTION@ "$@"
else
  compdef @FUNCTION@ @PROGRAM@
fi
)";

/// Text in the brackets or before a colon of an argument's description.
std::string zshText(const std::string &text) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || c == '[' || c == ']' || c == ':')
      out += '\\';
    out += c;
  }
  return out;
}

std::string zshFlag(const Flag &flag) {
  std::string action = ":" + zshText(flag.type) + ":";
  if (!flag.choices.empty())
    action += "(" + zshText(join(flag.choices, " ")) + ")";
  else if (flag.file)
    action += "_files";
  std::string out;
  for (const std::string &name : flag.names) {
    std::string word = flag.repeats ? "*" : "(" + join(flag.names, " ") + ")";
    word += name;
    if (!flag.type.empty())
      word += name[1] == '-' ? "=" : "+"; // --flag=value, -fvalue
    word += "[" + zshText(flag.text) + "]" + (flag.type.empty() ? "" : action);
    out += " \\\n      " + shellWord(word);
  }
  return out;
}

std::string zshScript(const std::vector<Command> &commands, const std::string &program) {
  std::string described, bodies;
  for (size_t i = 1; i < commands.size(); ++i)
    described += "    " + shellWord(zshText(commands[i].name) + ":" + commands[i].text) + "\n";
  for (const Command &command : commands) {
    bool own = command.name.empty();
    std::string words = own ? "  _arguments -C" : "    " + command.name + ") _arguments";
    for (const Flag &flag : command.flags)
      words += zshFlag(flag);
    if (own && commands.size() > 1) {
      std::string first = "@FUNCTION@_commands";
      words += " \\\n      '1: :" + (command.positionals ? "{" + first + "; _files}" : first) +
               "' \\\n      '*:: :->rest'\n  [[ $state == rest ]] || return\n  case $words[1] in\n";
    } else {
      words += command.positionals ? " \\\n      '*:file:_files'" : "";
      words += own ? "\n" : " ;;\n";
    }
    bodies += words;
  }
  if (commands.size() > 1)
    bodies += "  esac\n";
  return filled(kZsh, program, {{"@COMMANDS@", described}, {"@ARGUMENTS@", bodies}});
}

std::string fishWord(const std::string &text) {
  return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

std::string fishScript(const std::vector<Command> &commands, const std::string &program) {
  std::string out = "# fish completion of @PROGRAM@: @PROGRAM@ --completion fish | "
                    "source\ncomplete -c @PROGRAM@ -e\n";
  bool several = commands.size() > 1;
  for (const Command &command : commands) {
    std::string start = "complete -c @PROGRAM@";
    if (several)
      start += command.name.empty() ? " -n __fish_use_subcommand"
                                    : " -n '__fish_seen_subcommand_from " + command.name + "'";
    if (!command.positionals)
      out += start + " -f\n";
    if (!command.name.empty())
      out += "complete -c @PROGRAM@ -n __fish_use_subcommand -a " + command.name + " -d " +
             fishWord(command.text) + "\n";
    for (const Flag &flag : command.flags) {
      out += start;
      for (const std::string &name : flag.names)
        out += name[1] == '-' ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (flag.file)
        out += " -r -F";
      else if (!flag.type.empty())
        out += " -x";
      if (!flag.choices.empty())
        out += " -a " + fishWord(join(flag.choices, " "));
      out += " -d " + fishWord(flag.text) + "\n";
    }
  }
  return filled(out, program, {});
}

} // namespace

std::string completionScript(const CLI::App &app, const std::string &program,
                             const std::string &shell) {
  std::vector<Command> commands = commandsOf(app);
  std::string script = shell == "bash"  ? bashScript(commands, program)
                       : shell == "zsh" ? zshScript(commands, program)
                                        : fishScript(commands, program);
  script.pop_back(); // the last line ends where it is printed
  return script;
}

} // namespace axiom::tool
