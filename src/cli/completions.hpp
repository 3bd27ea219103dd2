#pragma once

#include "command_tree.hpp"

#include <string>
#include <vector>

namespace davenport::cli {

// Scripts that let a shell complete commands, options, choices, files and directories.
std::string bash_completion(const std::vector<Command>& tree);
std::string zsh_completion(const std::vector<Command>& tree);
std::string fish_completion(const std::vector<Command>& tree);

}  // namespace davenport::cli
