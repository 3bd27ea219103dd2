#include "davenport/config/settings.hpp"

#include <fmt/format.h>

namespace davenport::config {

namespace {

std::string as_toml(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

}  // namespace

std::string example_file(std::string_view data_directory) {
    std::string text =
        "# Configuration of Davenport: every setting with its default. See davenport.toml(5).\n"
        "# DAVENPORT_SECTION_NAME in the environment overrides a line of this file.\n";
    std::string section;
    for (const SettingInfo& setting : setting_table()) {
        if (setting.section != section) text += fmt::format("\n[{}]\n", section = setting.section);
        const bool given =
            setting.section == "data" && setting.name == "directory" && !data_directory.empty();
        text += fmt::format("# {}\n{}{} = {}\n", setting.description, given ? "" : "#",
                            setting.name, given ? as_toml(data_directory) : setting.default_value);
    }
    return text;
}

}  // namespace davenport::config
