#pragma once

#include "davenport/config/settings.hpp"
#include "operations.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

namespace davenport::cli {

// Options that many commands share, and what they lead to.
struct CommonOptions {
    std::string config_file, data_directory, couchdb_url, listen;
    std::string url, key;  // of a running service
    bool json = false;

    void add_data_options(CLI::App& command);     // --config --data --couchdb
    void add_service_options(CLI::App& command);  // --url --key
    void add_output_options(CLI::App& command);   // --json

    Result<config::Settings> settings() const;  // they name the command, for the audit log
    // On the service at --url, else on the data directory.
    Result<std::unique_ptr<Operations>> operations() const;

  private:
    std::string command_;  // "keys create"
};

Result<std::unique_ptr<Operations>> open_local(const config::Settings& settings);
// `key` is KEY:SECRET.
Result<std::unique_ptr<Operations>> connect(const std::string& url, const std::string& key);

}  // namespace davenport::cli
