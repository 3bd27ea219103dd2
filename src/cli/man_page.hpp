#pragma once

#include "command_tree.hpp"
#include "davenport/config/settings.hpp"

#include <string>
#include <vector>

namespace davenport::cli {

// davenport(1), from the commands.
std::string man_page(const std::vector<Command>& tree);

// davenport.toml(5), from the table of settings.
std::string settings_man_page(const std::vector<config::SettingInfo>& settings);

}  // namespace davenport::cli
