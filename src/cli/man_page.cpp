#include "man_page.hpp"

#include "davenport/base/result.hpp"
#include "davenport/service/version.hpp"
#include "output.hpp"

#include <map>

namespace davenport::cli {
namespace {

// Text as troff shows it literally; `quoted words` become bold.
std::string escaped(std::string_view text) {
    std::string out;
    bool bold = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\') {
            out += "\\e";
        } else if (c == '-') {
            out += "\\-";
        } else if (c == '`') {
            out += (bold = !bold) ? "\\fB" : "\\fR";
        } else if ((c == '.' || c == '\'') && (i == 0 || text[i - 1] == '\n')) {
            out += std::string("\\&") + c;  // else it would be a request
        } else {
            out += c;
        }
    }
    return out;
}

std::string bold(std::string_view text) {
    return "\\fB" + escaped(text) + "\\fR";
}

std::string italic(std::string_view text) {
    return "\\fI" + escaped(text) + "\\fR";
}

std::string item(std::string_view tag, std::string_view text) {
    return fmt::format(".TP\n{}\n{}\n", tag, text);
}

std::string header(std::string_view name, int section, std::string_view summary) {
    // Without a date: the same version gives the same bytes.
    return fmt::format(".TH {} {} \"\" \"Davenport {}\" \"Davenport\"\n.SH NAME\n{} \\- {}\n",
                       escaped(name), section, product_version, escaped(name), escaped(summary));
}

std::string usage_of(const Argument& argument) {
    std::string text = argument.positional ? italic(argument.name) : bold(argument.name);
    if (!argument.positional && argument.value != Argument::Value::none) {
        std::string choices;
        for (const std::string& choice : argument.choices)
            choices += (choices.empty() ? "" : "|") + bold(choice);
        text += " " + (choices.empty() ? italic(argument.label) : choices);
    }
    return text;
}

std::string synopsis(const Command& command) {
    std::string line = bold("davenport");
    if (!command.path.empty()) line += " " + bold(command.path);
    for (const Argument& argument : command.arguments) {
        if (argument.name == "--help") continue;
        const std::string usage = usage_of(argument) + (argument.repeatable ? "…" : "");
        line += argument.required ? " " + usage : " [" + usage + "]";
    }
    if (!command.children.empty()) line += " " + italic("COMMAND");
    return line + "\n";
}

std::string describe(const Command& command) {
    std::string text = fmt::format(".SS {}\n{}{}.\n", escaped(command.path),
                                   synopsis(command) + ".PP\n", escaped(command.description));
    for (const Argument& argument : command.arguments) {
        if (argument.name == "--help") continue;
        std::string meaning = escaped(argument.description);
        if (!argument.default_value.empty())
            meaning += " (default: " + escaped(argument.default_value) + ")";
        text += item(usage_of(argument), meaning);
    }
    return text;
}

// The codes of the errors, those that share one in one line.
std::string exit_codes() {
    std::map<int, std::string> meanings;
    for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
        const ErrorTraits& row = traits(static_cast<ErrorCode>(code));
        std::string name(row.name);
        for (char& c : name)
            if (c == '_') c = ' ';
        std::string& meaning = meanings[row.exit_code];
        meaning += (meaning.empty() ? "" : ", ") + name;
    }
    meanings[exit_success] = "done, and what was promised has happened";
    meanings[exit_operation_failed] = "what was asked for ran and ended as failed";
    meanings[exit_usage] = "wrong usage";
    std::string text;
    for (const auto& [code, meaning] : meanings)
        text += item(bold(std::to_string(code)), escaped(meaning));
    return text;
}

}  // namespace

std::string man_page(const std::vector<Command>& tree) {
    std::string text = header("davenport", 1, "back up document databases and restore them");
    text += ".SH SYNOPSIS\n" + synopsis(tree.front()) +
            ".SH DESCRIPTION\n"
            "Davenport backs up document databases, in a store of its own or in Apache CouchDB, "
            "and restores them.\n.B davenport serve\nis the service; the other commands work "
            "either on a data directory, in their own process and safely beside a running service "
            "(they must run as the same user), or with\n.B \\-\\-url\non a running service.\n"
            ".PP\nResults go to standard output, as JSON with\n.BR \\-\\-json ;\nprogress and "
            "messages go to standard error.\n.SH COMMANDS\n";
    for (const Command& command : tree)
        if (!command.path.empty() && command.children.empty()) text += describe(command);
    text += ".SH EXIT STATUS\n" + exit_codes();
    text +=
        ".SH ENVIRONMENT\n" +
        item(bold("DAVENPORT_URL"), "the running service to work on, like\n.B \\-\\-url") +
        item(bold("DAVENPORT_KEY"),
             "KEY:SECRET, like\n.BR \\-\\-key ,\nbut kept out of the shell's history") +
        item(bold("DAVENPORT_") + italic("SECTION_NAME"),
             "overrides a setting of the configuration file: see\n.BR davenport.toml (5)") +
        item(bold("NOTIFY_SOCKET"), "where a service manager is told that the service is ready");
    text +=
        ".SH FILES\n" +
        item(italic("/etc/davenport/davenport.toml"), "the configuration of the service") +
        item(italic("/var/lib/davenport"), "its databases and backups") +
        item(italic("/usr/share/doc/davenport"), "the documentation, with the operator's guide") +
        ".SH SEE ALSO\n.BR davenport.toml (5),\n.BR systemctl (1)\n";
    return text;
}

std::string settings_man_page(const std::vector<config::SettingInfo>& settings) {
    std::string text = header("davenport.toml", 5, "configuration of Davenport");
    text +=
        ".SH DESCRIPTION\nA TOML file of sections with settings in them. Everything has a default. "
        "An unknown setting or a bad value stops the start, and the message names it. Times end in "
        "_ms (milliseconds) or _secs, sizes in _bytes.\n.PP\nThe environment variable\n"
        ".BI DAVENPORT_ SECTION_NAME\noverrides a setting, in capitals, lists separated by commas; "
        "an option of the command line overrides both.\n.PP\nThe file may hold secrets: nobody but "
        "root and the service's user should be able to read it.\n.SH SETTINGS\n";
    std::string section;
    for (const config::SettingInfo& setting : settings) {
        if (setting.section != section)
            text += fmt::format(".SS [{}]\n", escaped(section = setting.section));
        text += item(bold(setting.name) + " = " + escaped(setting.default_value),
                     escaped(setting.description));
    }
    return text + ".SH FILES\n" +
           item(italic("/etc/davenport/davenport.toml"), "what the packaged service reads") +
           ".SH SEE ALSO\n.BR davenport (1)\n";
}

}  // namespace davenport::cli
