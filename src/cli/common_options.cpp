#include "common_options.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>

namespace davenport::cli {
namespace {

// What was given, or else what the environment says.
std::string given_or(const std::string& given, const char* variable) {
    const char* text = given.empty() ? std::getenv(variable) : nullptr;
    return text ? text : given;
}

}  // namespace

void CommonOptions::add_data_options(CLI::App& command) {
    command_ = command.get_name();
    for (const CLI::App* above = command.get_parent(); above && above->get_parent();
         above = above->get_parent())
        command_ = above->get_name() + " " + command_;
    command.add_option("--config", config_file, "configuration file (TOML)")->type_name("FILE");
    command.add_option("--data", data_directory, "data directory (default: ./davenport-data)")
        ->type_name("DIR");
    command.add_option("--couchdb", couchdb_url, "CouchDB cluster that holds the databases")
        ->type_name("URL");
}

void CommonOptions::add_service_options(CLI::App& command) {
    command.add_option("--url", url, "work on the running service at this URL")->type_name("URL");
    command.add_option(
        "--key", key,
        "KEY:SECRET for --url; the environment variable DAVENPORT_KEY keeps it out of "
        "the shell's history");
    command
        .add_option("--ca-file", ca_file,
                    "certificates (PEM) that vouch for the service at --url, in place of the "
                    "system's; the environment variables CURL_CA_BUNDLE and SSL_CERT_FILE, as of "
                    "curl, do the same")
        ->type_name("FILE");
}

void CommonOptions::add_output_options(CLI::App& command) {
    command.add_flag("--json", json, "write the result as JSON");
}

Result<config::Settings> CommonOptions::settings() const {
    std::vector<std::string> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        // The two that are not settings of the service but of this program.
        if (!text.starts_with("DAVENPORT_KEY=") && !text.starts_with("DAVENPORT_URL="))
            environment.emplace_back(text);
    }
    std::vector<std::pair<std::string, std::string>> overrides;
    if (!data_directory.empty()) overrides.emplace_back("data.directory", data_directory);
    if (!couchdb_url.empty()) overrides.emplace_back("databases.couchdb_url", couchdb_url);
    if (!listen.empty()) overrides.emplace_back("http.listen", listen);
    DAVENPORT_ASSIGN(auto loaded, config::load(config_file, environment, overrides));
    loaded.audit.command = command_;
    DAVENPORT_TRY(check_data_directory(loaded));
    return loaded;
}

Result<> CommonOptions::check_data_directory(const config::Settings& loaded) const {
    if (missing_data == MissingData::made) return {};
    if (missing_data == MissingData::made_for_couchdb && !loaded.databases.couchdb_url.empty())
        return {};
    struct stat status {};
    // One that is there and can't be used is for whoever opens it to explain.
    if (stat(loaded.data.directory.c_str(), &status) == 0 || errno != ENOENT) return {};
    return fail(ErrorCode::not_found,
                "there is no data directory {}; name one with --data or --config, or a running "
                "service with --url",
                loaded.data.directory);
}

Result<std::unique_ptr<Operations>> CommonOptions::operations() const {
    std::string service = url;
    if (data_directory.empty() && config_file.empty()) service = given_or(url, "DAVENPORT_URL");
    if (!service.empty()) {
        if (!data_directory.empty())
            return fail(ErrorCode::invalid_argument, "--url and --data exclude each other");
        return connect(service, given_or(key, "DAVENPORT_KEY"),
                       given_or(given_or(ca_file, "CURL_CA_BUNDLE"), "SSL_CERT_FILE"));
    }
    DAVENPORT_ASSIGN(const config::Settings loaded, settings());
    return open_local(loaded);
}

}  // namespace davenport::cli
