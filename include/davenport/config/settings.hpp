#pragma once

#include "davenport/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace davenport::config {

// Everything that can be set, with its default. One TOML file, overridden by the environment
// (DAVENPORT_SECTION_NAME), overridden by command-line flags. docs/configuration.md is checked
// against the table in settings.cpp by a test.
struct Settings {
    struct {
        std::string directory = "davenport-data";
        std::int64_t reserve_bytes = 16 << 20;  // for records and removals on a full disk; 0 = none
    } data;
    struct {
        std::string listen = "127.0.0.1:3000";
        std::string public_url;  // empty = http(s)://<listen address>
        std::string tls_certificate_file;
        std::string tls_key_file;
        std::int64_t workers = 16;
        std::int64_t max_connections = 4096;
        std::int64_t max_header_bytes = 32 * 1024;
        std::int64_t max_body_bytes = std::int64_t{8} << 30;        // an uploaded backup
        std::int64_t max_bulk_bytes = 16 << 20;                     // a body held in memory
        std::int64_t max_attachment_bytes = std::int64_t{1} << 30;  // a document's attachment
        std::int64_t max_appended_bytes = 32 << 20;                 // PUT …/attachments/:name
        std::int64_t max_buffered_bytes = 96 << 20;                 // of all bodies in memory
        std::int64_t header_timeout_ms = 10'000;
        std::int64_t idle_timeout_ms = 60'000;
        std::int64_t body_timeout_ms = 30'000;
        std::int64_t drain_timeout_ms = 10'000;
    } http;
    struct {
        std::string components = "athena_components";
        std::string sessions = "athena_sessions";
        std::string system = "athena_system";
        std::vector<std::string> others;  // further protected databases, by name
        std::string couchdb_url;          // without credentials: `load` moves them to the next two
        std::string couchdb_user;
        std::string couchdb_password;
        std::string couchdb_login = "basic";  // or cookie
        std::string couchdb_ca_file;          // PEM; empty = the system's
        std::int64_t cache_bytes = 16 << 20;  // of each embedded database
    } databases;
    struct {
        // What the console writes for itself and must not come back: other backups, login sessions,
        // messages between its processes, its API description.
        std::vector<std::string> skipped_types = {"athena_backup", "session_athena",
                                                  "pillow_talk_doc", "json_validation"};
        std::string revisions = "winners";  // or leaves
        std::int64_t max_segments = 8;
    } backup;
    struct {
        std::string preset = "console";  // or rules (keep_…), or none
        // How many to keep; 0 = the rule is not used, -1 = all.
        std::int64_t keep_last = 0;
        std::int64_t keep_hourly = 0;
        std::int64_t keep_daily = 0;
        std::int64_t keep_weekly = 0;
        std::int64_t keep_monthly = 0;
        std::int64_t keep_yearly = 0;
        std::string keep_within;        // 2y5m7d3h; empty = the rule is not used
        std::string min_age;            // the same; empty = no retention lock
        std::string time_zone = "UTC";  // of hours, days, weeks, months and years
    } retention;
    struct {
        std::string deployer_url;
        std::string version_tag;  // "ibp_versions": {"tag": …}; empty = the product's version
    } console;
    struct {
        std::int64_t threads = 2;
        std::int64_t lease_ms = 15'000;
        std::int64_t max_attempts = 5;
    } jobs;
    struct {
        std::vector<std::string> allow;
        std::string signing_secret;
        std::int64_t timeout_ms = 10'000;
        std::int64_t first_retry_ms = 5'000;
        std::int64_t give_up_after_ms = 24 * 3'600'000;
    } webhooks;
    struct {
        std::string time_zone = "UTC";  // of dates in requests and of times of exports
        // Limits; 0 = none.
        std::int64_t max_export_days = 30;
        std::int64_t max_export_comments = 5'000;
        std::int64_t max_export_users = 1'000;
        std::int64_t max_export_rooms = 1'000;
        std::int64_t max_import_bytes = 4 << 20;
        std::int64_t link_lifetime_secs = 24 * 3600;  // of a download link
    } chat;
    struct {
        std::int64_t session_lifetime_secs = 8 * 3600;
        std::int64_t failures_per_minute = 20;
        std::string policy_file;  // JSON role -> actions; empty = built in
    } access;
    struct {
        std::int64_t keep_days = 400;  // 0 = for ever
        // No setting: the command in whose name data is opened, for the audit log's first line.
        std::string command;
    } audit;
    struct {
        std::string backup = "0 1 * * *";  // when the default schedule runs; empty = there is none
        std::string zone = "UTC";
        std::int64_t random_delay_secs = 600;
        std::int64_t skip_if_newer_secs = 3'600;
    } schedules;
    struct {
        std::string directory;  // of scratch databases; empty = below the data directory
        std::int64_t keep = 100;
        std::int64_t min_free_bytes = 512 << 20;
    } drills;
    struct {
        std::string key_file;           // PEM; empty = <data>/signing-key.pem, made when missing
        std::string earlier_keys_file;  // PEM, public keys from before, oldest first; empty = none
    } signing;
    struct {
        // One of the two, or recipients, switches it on (docs/encryption.md).
        std::string key_file;  // a master key
        std::string key;       // the same as text, for the environment
        std::vector<std::string> old_key_files;
        std::vector<std::string> recipients;
        std::string identity_file;
    } encryption;
    struct {
        std::string level = "info";   // trace, debug, info, warn, error
        std::string format = "text";  // or json
    } log;
    struct {
        std::string access = "key";  // or loopback, anyone: who may read /metrics
    } metrics;
};

// One row of the table of settings.
struct SettingInfo {
    std::string section, name;
    std::string type;           // "text", "number", "list"
    std::string default_value;  // as TOML
    std::string description;
};
std::vector<SettingInfo> setting_table();

// A configuration file with every setting, commented out, with its default and meaning. A data
// directory that is not empty is set.
std::string example_file(std::string_view data_directory);

// file (may be empty) < environment ("NAME=value" entries) < overrides ("section.name" -> text). An
// unknown key, a bad value or an unknown DAVENPORT_… variable is invalid_argument and names the key
// and the place.
Result<Settings> load(const std::string& file, const std::vector<std::string>& environment,
                      const std::vector<std::pair<std::string, std::string>>& overrides);

}  // namespace davenport::config
