#include "command_tree.hpp"

namespace davenport::cli {
namespace {

// CLI11 tells a value's type and its checks in one text: "TEXT:{fresh,exact}", "INT:INT in [1 -
// 9]".
std::vector<std::string> choices_of(const std::string& type) {
    std::vector<std::string> choices;
    const std::size_t open = type.find('{');
    const std::size_t close = type.find('}', open);
    if (open == std::string::npos || close == std::string::npos) return choices;
    for (std::size_t begin = open + 1; begin <= close;) {
        const std::size_t end = std::min(type.find(',', begin), close);
        choices.push_back(type.substr(begin, end - begin));
        begin = end + 1;
    }
    return choices;
}

Argument describe(const CLI::Option& option) {
    Argument argument;
    argument.positional = option.get_positional();
    argument.name = option.get_name();
    argument.description = option.get_description();
    argument.default_value = option.get_default_str();
    argument.required = option.get_required();
    argument.repeatable = option.get_items_expected_max() > 1;

    const std::string type = option.get_type_name();
    argument.choices = choices_of(type);
    argument.label = type.substr(0, type.find(':'));
    if (option.get_items_expected_max() == 0) {
        argument.value = Argument::Value::none;
        argument.label.clear();
    } else if (!argument.choices.empty()) {
        argument.value = Argument::Value::choice;
    } else if (type == "FILE") {
        argument.value = Argument::Value::file;
    } else if (type == "DIR") {
        argument.value = Argument::Value::directory;
    }
    return argument;
}

void add(std::vector<Command>& tree, const CLI::App& app, const std::string& path) {
    Command command{path, app.get_description(), {}, {}, {}};
    // A hidden option or command has no group.
    for (const bool positional : {false, true})
        for (const CLI::Option* option : app.get_options())
            if (option->get_positional() == positional && !option->get_group().empty())
                command.arguments.push_back(describe(*option));
    const auto children =
        app.get_subcommands([](const CLI::App* child) { return !child->get_group().empty(); });
    for (const CLI::App* child : children) {
        command.children.push_back(child->get_name());
        command.summaries.push_back(child->get_description());
    }
    tree.push_back(std::move(command));
    for (const CLI::App* child : children)
        add(tree, *child, path.empty() ? child->get_name() : path + " " + child->get_name());
}

}  // namespace

std::vector<Command> command_tree(const CLI::App& program) {
    std::vector<Command> tree;
    add(tree, program, "");
    return tree;
}

}  // namespace davenport::cli
