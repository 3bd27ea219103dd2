#include "completions.hpp"

#include <fmt/format.h>

#include <map>

namespace davenport::cli {
namespace {

using Value = Argument::Value;

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
    return fmt::format("{}", fmt::join(words, separator));
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
        text.replace(at, what.size(), with);
    return text;
}

// In single quotes, for bash and zsh; fish escapes a quote instead.
std::string in_quotes(const std::string& text) {
    return "'" + replaced(text, "'", "'\\''") + "'";
}

std::string fish_quotes(const std::string& text) {
    return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

bool takes_file(const Argument& argument) {
    return argument.value == Value::file;
}

// The first sentence part: menus are narrow.
std::string brief(const std::string& description) {
    return description.substr(0, description.find(';'));
}

}  // namespace

std::string bash_completion(const std::vector<Command>& tree) {
    std::string paths, words;
    std::map<std::string, std::vector<std::string>> values;  // what follows -> after which options
    for (const Command& command : tree) {
        if (!command.path.empty()) paths += (paths.empty() ? "" : "|") + in_quotes(command.path);
        std::vector<std::string> offered = command.children;
        std::string also;
        for (const Argument& argument : command.arguments) {
            if (argument.positional) {
                offered.insert(offered.end(), argument.choices.begin(), argument.choices.end());
                if (takes_file(argument)) also = " kind=-f";
                if (argument.value == Value::directory) also = " kind=-d";
                continue;
            }
            offered.push_back(argument.name);
            const std::string pattern = in_quotes(command.path + " " + argument.name);
            std::string then;
            if (takes_file(argument))
                then = "words= kind=-f";
            else if (argument.value == Value::directory)
                then = "words= kind=-d";
            else if (argument.value == Value::choice)
                then = fmt::format("words={} kind=", in_quotes(joined(argument.choices, " ")));
            else if (argument.value == Value::text)
                then = "return";
            if (!then.empty()) values[then].push_back(pattern);
        }
        words += fmt::format("    {}) words={}{} ;;\n", in_quotes(command.path),
                             in_quotes(joined(offered, " ")), also);
    }
    std::string after_options;
    for (const auto& [then, patterns] : values)
        after_options += fmt::format("    {}) {} ;;\n", joined(patterns, "|"), then);
    return fmt::format(R"(# bash completion for davenport; written by "davenport generate bash"
_davenport() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local command= words= kind= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${{command:+$command }}${{COMP_WORDS[i]}}" in
    {}) command=${{command:+$command }}${{COMP_WORDS[i]}} ;;
    esac
  done
  # bash splits --option=value at the sign
  if [ "$word" = = ]; then
    word=
  elif [ "$previous" = = ]; then
    previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  case "$command" in
{}  esac
  case "$command $previous" in
{}  esac
  mapfile -t COMPREPLY < <(
    compgen -W "$words" -- "$word"
    if [ -n "$kind" ] && [[ $word != -* ]]; then compgen $kind -- "$word"; fi
  )
  if [ -n "$kind" ]; then compopt -o filenames 2>/dev/null; fi
}}
complete -F _davenport davenport
)",
                       paths, words, after_options);
}

std::string zsh_completion(const std::vector<Command>& tree) {
    const auto function_of = [](const std::string& path) {
        return replaced(path.empty() ? "_davenport" : "_davenport " + path, " ", "__");
    };
    // Inside a specification of _arguments a colon and a bracket mean something.
    const auto plain = [](const std::string& text) {
        return replaced(replaced(replaced(text, ":", "\\:"), "[", "\\["), "]", "\\]");
    };
    const auto action = [](const Argument& argument) -> std::string {
        if (takes_file(argument)) return "_files";
        if (argument.value == Value::directory) return "_files -/";
        if (argument.value == Value::choice) return "(" + joined(argument.choices, " ") + ")";
        return "";
    };
    std::string text =
        "#compdef davenport\n# zsh completion; written by \"davenport generate zsh\"\n\n";
    for (const Command& command : tree) {
        std::vector<std::string> specifications;
        for (const Argument& argument : command.arguments) {
            std::string specification;
            if (argument.positional) {
                specification = fmt::format("{}:{}:{}", argument.repeatable ? "*" : "",
                                            plain(argument.name), action(argument));
            } else {
                specification = fmt::format("{}{}[{}]", argument.repeatable ? "*" : "",
                                            argument.name, plain(brief(argument.description)));
                if (argument.value != Value::none)
                    specification += fmt::format(":{}:{}", plain(argument.label), action(argument));
            }
            specifications.push_back(in_quotes(specification));
        }
        std::string after;
        if (!command.children.empty()) {
            specifications.emplace_back("'1: :->command'");
            specifications.emplace_back("'*:: :->rest'");
            after = "  case $state in\n    command)\n      local -a commands=(\n";
            for (std::size_t i = 0; i < command.children.size(); ++i)
                after += fmt::format("        {}\n", in_quotes(command.children[i] + ":" +
                                                               plain(brief(command.summaries[i]))));
            after +=
                "      )\n      _describe command commands ;;\n    rest)\n"
                "      case $words[1] in\n";
            const std::string prefix = command.path.empty() ? "" : command.path + " ";
            for (const std::string& child : command.children)
                after += fmt::format("        {}) {} ;;\n", child, function_of(prefix + child));
            after += "      esac ;;\n  esac\n";
        }
        text += fmt::format(
            "{}() {{\n  local curcontext=$curcontext state line\n  typeset -A opt_args\n"
            "  _arguments -C \\\n    {}\n{}}}\n\n",
            function_of(command.path), joined(specifications, " \\\n    "), after);
    }
    return text + "_davenport \"$@\"\n";
}

std::string fish_completion(const std::vector<Command>& tree) {
    std::vector<std::string> paths;
    std::string rules;
    for (const Command& command : tree) {
        if (!command.path.empty()) paths.push_back(fish_quotes(command.path));
        const std::string rule =
            fmt::format("complete -c davenport -n '__davenport_at \"{}\"'", command.path);
        for (std::size_t i = 0; i < command.children.size(); ++i)
            rules += fmt::format("{} -a {} -d {}\n", rule, command.children[i],
                                 fish_quotes(brief(command.summaries[i])));
        for (const Argument& argument : command.arguments) {
            if (argument.positional) {
                if (takes_file(argument)) rules += rule + " -F\n";
                if (argument.value == Value::directory)
                    rules += rule + " -a '(__fish_complete_directories)'\n";
                if (argument.value == Value::choice)
                    rules += fmt::format("{} -a '{}'\n", rule, joined(argument.choices, " "));
                continue;
            }
            rules += fmt::format("{} -l {} -d {}", rule, argument.name.substr(2),
                                 fish_quotes(brief(argument.description)));
            if (takes_file(argument))
                rules += " -r -F";
            else if (argument.value == Value::directory)
                rules += " -x -a '(__fish_complete_directories)'";
            else if (argument.value == Value::choice)
                rules += fmt::format(" -x -a '{}'", joined(argument.choices, " "));
            else if (argument.value == Value::text)
                rules += " -x";
            rules += "\n";
        }
    }
    return fmt::format(R"(# fish completion for davenport; written by "davenport generate fish"
function __davenport_at
    set -l commands {}
    set -l words (commandline -opc)
    set -l at ''
    for word in $words[2..-1]
        set -l longer (string trim "$at $word")
        if contains -- "$longer" $commands
            set at $longer
        end
    end
    test "$at" = "$argv[1]"
end
complete -c davenport -f
{})",
                       joined(paths, " "), rules);
}

}  // namespace davenport::cli
