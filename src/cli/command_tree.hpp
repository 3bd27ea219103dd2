#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace davenport::cli {

// What the program offers, as plain data: what manual pages and shell completions are written from.
struct Argument {
    enum class Value { none, text, file, directory, choice };

    std::string name;   // "--data"; of a positional argument "ID"
    std::string label;  // what stands for the value, "DIR"; empty without one
    std::string description;
    std::string default_value;  // empty: none is shown
    Value value = Value::text;
    std::vector<std::string> choices;
    bool positional = false;
    bool required = false;
    bool repeatable = false;
};

struct Command {
    std::string path;  // "keys create"; empty for the program itself
    std::string description;
    std::vector<Argument> arguments;     // options in their order, then positional ones
    std::vector<std::string> children;   // the last word of each
    std::vector<std::string> summaries;  // what each child does
};

// The program, then every command in the order of --help, each before its own commands.
std::vector<Command> command_tree(const CLI::App& program);

}  // namespace davenport::cli
