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
    std::string url, key, ca_file;  // of a running service
    bool json = false;

    // What becomes of a data directory that is not there. To make one is for commands that bring
    // something to put into it; to any other its absence means that another one was meant.
    enum class MissingData { refused, made, made_for_couchdb };
    MissingData missing_data = MissingData::refused;

    void add_data_options(CLI::App& command);     // --config --data --couchdb
    void add_service_options(CLI::App& command);  // --url --key --ca-file
    void add_output_options(CLI::App& command);   // --json

    // They name the command, for the audit log. not_found when the data directory is missing and
    // must not be made.
    Result<config::Settings> settings() const;
    // On the service at --url, else on the data directory.
    Result<std::unique_ptr<Operations>> operations() const;

  private:
    Result<> check_data_directory(const config::Settings& loaded) const;

    std::string command_;  // "keys create"
};

Result<std::unique_ptr<Operations>> open_local(const config::Settings& settings);
// As HttpClient.
Result<std::unique_ptr<Operations>> connect(const std::string& url, const std::string& key,
                                            const std::string& ca_file);

}  // namespace davenport::cli
