// Writes what a package has besides the program, from the definitions that the program itself reads: manual pages of
// the command line and of the configuration, and completions for bash, zsh and fish. Run by the build: manual FOLDER.
#include "main/command_line.h"
#include "ops/configuration_keys.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace afterword {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// But for --help, which every command has.
std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([&app](const CLI::Option* option) { return option != app.get_help_ptr(); });
}

std::string name_of(const CLI::Option& option) { return "--" + option.get_lnames().front(); }

bool takes_a_value(const CLI::Option& option) { return option.get_type_size() != 0; }

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// As roff shows it, letter by letter.
std::string roff(std::string_view text) {
  std::string escaped;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) escaped += "\\&";
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
    line_begins = c == '\n';
  }
  return escaped;
}

std::string page_head(std::string_view name, int section, std::string_view what) {
  return fmt::format(".TH {} {} \"\" \"Afterword " AFTERWORD_VERSION "\" \"Afterword\"\n.SH NAME\n{} \\- {}\n",
                     roff(name), section, roff(name), roff(what));
}

std::string usage_of(const CLI::App& command) {
  std::string usage = fmt::format("\\fBafterword {}\\fR", roff(command.get_name()));
  for (const CLI::Option* option : options_of(command)) {
    const std::string text =
        fmt::format("\\fB{}\\fR \\fI{}\\fR", roff(name_of(*option)), roff(option->get_type_name()));
    usage += option->get_required() ? " " + text : fmt::format(" [{}]", text);
  }
  return usage + '\n';
}

std::string command_page(const CLI::App& app) {
  std::string page = page_head("afterword", 1, "delayed events (MSC4140) for any Matrix homeserver");
  page += ".SH SYNOPSIS\n";
  for (const CLI::App* command : commands_of(app)) page += usage_of(*command) + ".br\n";
  page += "\\fBafterword \\-\\-help\\fR | \\fB\\-\\-version\\fR\n";
  page += ".SH DESCRIPTION\n" + roff(app.get_description()) + "\nIt stands in front of a homeserver.\n";
  page += "Each command has a \\fB\\-\\-help\\fR of its own.\n.SH COMMANDS\n";
  for (const CLI::App* command : commands_of(app)) {
    page += fmt::format(".SS {}\n{}.\n", roff(command->get_name()), roff(command->get_description()));
    for (const CLI::Option* option : options_of(*command)) {
      page += fmt::format(".TP\n\\fB{}\\fR \\fI{}\\fR\n{}.\n", roff(name_of(*option)), roff(option->get_type_name()),
                          roff(option->get_description()));
    }
    if (!command->get_footer().empty()) page += ".PP\n" + roff(command->get_footer()) + '\n';
  }
  page += ".SH NOTES\n.nf\n" + roff(app.get_footer()) + "\n.fi\n";
  page += ".SH FILES\n.TP\n.I /etc/afterword/afterword.yaml\nThe configuration that \\fBafterword init\\fR writes.\n";
  page += ".TP\n.I /var/lib/afterword\nWhere an instance may keep its events.\n";
  return page + ".SH \"SEE ALSO\"\n.BR afterword.yaml (5)\n";
}

std::string configuration_page() {
  std::string page = page_head("afterword.yaml", 5, "the configuration of Afterword");
  page +=
      ".SH DESCRIPTION\n\\fBafterword init\\fR writes it, with every key in it explained.\n"
      "It is YAML; what stands before the dot of a key is its section.\n"
      "Durations are written 500ms, 10s, 5m, 24h, 7d or 2w. A limit of \\fBnone\\fR is not enforced.\n"
      "Each key can be set on the command line too: \\fB\\-\\-set\\fR \\fIKEY\\fR=\\fIVALUE\\fR.\n.SH KEYS\n";
  for (const ops::Key& key : ops::keys()) {
    page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(key.name), roff(key.comment));
    page += key.required() ? std::string("It must be given.\n")
                           : fmt::format(".br\nDefault: \\fB{}\\fR\n", roff(key.standard));
  }
  return page + ".SH \"SEE ALSO\"\n.BR afterword (1)\n";
}

// What completes the value of an option.
enum class Value { none, file, folder, key, other };

Value value_of(const CLI::Option& option) {
  if (!takes_a_value(option)) return Value::none;
  const std::string type = option.get_type_name();
  if (type == "FILE") return Value::file;
  if (type == "DIR") return Value::folder;
  return type == "KEY=VALUE" ? Value::key : Value::other;
}

std::string names_of(const std::vector<const CLI::Option*>& options) {
  std::string names = "--help";
  for (const CLI::Option* option : options) names += ' ' + name_of(*option);
  return names;
}

// The options of all commands whose value is of this kind, as a pattern of `case`.
std::string pattern_of(const CLI::App& app, Value value) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands_of(app)) {
    for (const CLI::Option* option : options_of(*command)) {
      if (value_of(*option) == value) names.push_back(name_of(*option));
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return fmt::format("{}", fmt::join(names, " | "));
}

std::string configuration_keys() {
  std::string keys;
  for (const ops::Key& key : ops::keys()) keys += fmt::format("{}{}=", keys.empty() ? "" : " ", key.name);
  return keys;
}

std::string bash_completion(const CLI::App& app) {
  std::string commands, cases;
  for (const CLI::App* command : commands_of(app)) {
    commands += command->get_name() + ' ';
    cases += fmt::format("    {}) words=\"{}\" ;;\n", command->get_name(), names_of(options_of(*command)));
  }
  return fmt::format(R"(# Completion of afterword for bash.
_afterword() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} words
  case ${{COMP_WORDS[1]}} in
{}    *) words="{}{}" ;;
  esac
  [ "$COMP_CWORD" -gt 1 ] || words="{}{}"
  case ${{COMP_WORDS[COMP_CWORD - 1]}} in
    {})
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      ;;
    {})
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      ;;
    {})
      compopt -o nospace
      mapfile -t COMPREPLY < <(compgen -W "{}" -- "$word")
      ;;
    {}) COMPREPLY=() ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word") ;;
  esac
}}
complete -F _afterword afterword
)",
                     cases, commands, names_of(options_of(app)), commands, names_of(options_of(app)),
                     pattern_of(app, Value::file), pattern_of(app, Value::folder), pattern_of(app, Value::key),
                     configuration_keys(), pattern_of(app, Value::other));
}

// In single quotes, for zsh and fish.
std::string in_quotes(std::string_view text) { return "'" + replaced(std::string(text), "'", "’") + "'"; }

std::string zsh_value(const CLI::Option& option) {
  switch (value_of(option)) {
    case Value::none:
      return "";
    case Value::file:
      return ":file:_files";
    case Value::folder:
      return ":folder:_files -/";
    case Value::key:
      return ":key:compadd -S \"\" " + configuration_keys();
    case Value::other:
      break;
  }
  return fmt::format(":{}: ", replaced(option.get_type_name(), ":", "\\:"));
}

std::string zsh_completion(const CLI::App& app) {
  std::string commands, cases;
  for (const CLI::App* command : commands_of(app)) {
    commands += fmt::format("    {}\n", in_quotes(command->get_name() + ":" + command->get_description()));
    cases += fmt::format("  {})\n    _arguments", command->get_name());
    for (const CLI::Option* option : options_of(*command)) {
      const std::string what = replaced(option->get_description(), ":", "\\:");
      const std::string name = value_of(*option) == Value::key ? "*" + name_of(*option) : name_of(*option);
      cases += " \\\n      " + in_quotes(fmt::format("{}[{}]{}", name, what, zsh_value(*option)));
    }
    cases += "\n    ;;\n";
  }
  return fmt::format(R"(#compdef afterword
# Completion of afterword for zsh.
if (( CURRENT == 2 )); then
  local -a commands=(
{}  )
  _describe command commands
  return
fi
shift words
(( CURRENT-- ))
case $words[1] in
{}esac
)",
                     commands, cases);
}

std::string fish_value(const CLI::Option& option) {
  switch (value_of(option)) {
    case Value::none:
      return "";
    case Value::file:
      return " -r -F";
    case Value::folder:
      return " -x -a '(__fish_complete_directories)'";
    case Value::key:
      return fmt::format(" -x -a '{}'", configuration_keys());
    case Value::other:
      break;
  }
  return " -x";
}

std::string fish_completion(const CLI::App& app) {
  std::string text = "# Completion of afterword for fish.\ncomplete -c afterword -f\n";
  for (const CLI::App* command : commands_of(app)) {
    text += fmt::format("complete -c afterword -n __fish_use_subcommand -a {} -d {}\n", command->get_name(),
                        in_quotes(command->get_description()));
    for (const CLI::Option* option : options_of(*command)) {
      text +=
          fmt::format("complete -c afterword -n '__fish_seen_subcommand_from {}' -l {}{} -d {}\n", command->get_name(),
                      option->get_lnames().front(), fish_value(*option), in_quotes(option->get_description()));
    }
  }
  return text;
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

void write_all(const std::filesystem::path& folder) {
  write(folder / "afterword.yaml.5", configuration_page());
  read_command_line_definition([&folder](const CLI::App& app) {
    write(folder / "afterword.1", command_page(app));
    write(folder / "afterword.bash", bash_completion(app));
    write(folder / "afterword.zsh", zsh_completion(app));
    write(folder / "afterword.fish", fish_completion(app));
  });
}

}  // namespace
}  // namespace afterword

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    afterword::write_all(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
