#include "davenport/config/settings.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/file.hpp"
#include "toml.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <variant>

namespace davenport::config {
namespace {

using Texts = std::vector<std::string>;
using Target = std::variant<std::string*, std::int64_t*, Texts*>;

struct Row {
    const char* section;
    const char* name;
    Target (*target)(Settings&);
    const char* description;
    std::int64_t minimum = 0;
    std::int64_t maximum = 0;
};

constexpr std::uint64_t longest_file = 1 << 20;
constexpr std::int64_t any = std::int64_t{1} << 50;

#define DAVENPORT_SETTING(section, name) \
#section, #name, [](Settings & s) -> Target { return &s.section.name; }

// The one list of settings: file keys, environment names, bounds and the documentation follow.
const Row rows[] = {
    {DAVENPORT_SETTING(data, directory), "where databases, vault and spooled uploads are kept"},
    {DAVENPORT_SETTING(data, reserve_bytes),
     "kept free for records and removals when the disk is full; 0: nothing", 0, any},
    {DAVENPORT_SETTING(http, listen), "HOST:PORT to accept requests on; port 0 picks a free one"},
    {DAVENPORT_SETTING(http, public_url),
     "scheme://host[:port] that answers use for links; empty: the listening address"},
    {DAVENPORT_SETTING(http, tls_certificate_file), "PEM certificate chain; empty: plain HTTP"},
    {DAVENPORT_SETTING(http, tls_key_file), "PEM private key of the certificate"},
    {DAVENPORT_SETTING(http, workers), "threads that answer requests", 1, 256},
    {DAVENPORT_SETTING(http, max_connections), "open connections; beyond: 503", 1, 1'000'000},
    {DAVENPORT_SETTING(http, max_header_bytes), "request line and headers; beyond: 431", 1024,
     1 << 20},
    {DAVENPORT_SETTING(http, max_body_bytes), "an uploaded backup; beyond: 413", 1024, any},
    {DAVENPORT_SETTING(http, max_bulk_bytes), "any other body that is held in memory; beyond: 413",
     1024, 1 << 30},
    {DAVENPORT_SETTING(http, max_attachment_bytes), "attachment of a document; beyond: 413", 1,
     any},
    {DAVENPORT_SETTING(http, max_appended_bytes), "text appended to a backup; beyond: 413", 1,
     1 << 30},
    {DAVENPORT_SETTING(http, max_buffered_bytes),
     "all bodies held in memory at one time; beyond: 503", 1 << 20, any},
    {DAVENPORT_SETTING(http, header_timeout_ms), "time for a client to send its headers: 408", 10,
     any},
    {DAVENPORT_SETTING(http, idle_timeout_ms), "keep-alive connection without a request: closed",
     10, any},
    {DAVENPORT_SETTING(http, body_timeout_ms), "body without progress, either way: closed", 10,
     any},
    {DAVENPORT_SETTING(http, drain_timeout_ms),
     "time for requests under way when the service stops", 0, any},
    {DAVENPORT_SETTING(databases, components), "name of the components database (DB_COMPONENTS)"},
    {DAVENPORT_SETTING(databases, sessions), "name of the sessions database (DB_SESSIONS)"},
    {DAVENPORT_SETTING(databases, system), "name of the system database (DB_SYSTEM)"},
    {DAVENPORT_SETTING(databases, others), "further databases to back up, by name"},
    {DAVENPORT_SETTING(databases, couchdb_url),
     "CouchDB cluster that holds the databases; empty: embedded"},
    {DAVENPORT_SETTING(databases, couchdb_user), "its user; may also stand in the URL"},
    {DAVENPORT_SETTING(databases, couchdb_password), "the user's password"},
    {DAVENPORT_SETTING(databases, couchdb_login), "basic, or cookie for a session of CouchDB's"},
    {DAVENPORT_SETTING(databases, couchdb_ca_file),
     "PEM bundle to check https certificates with; empty: the system's"},
    {DAVENPORT_SETTING(databases, cache_bytes), "page cache of each embedded database", 1 << 20,
     1 << 30},
    {DAVENPORT_SETTING(backup, skipped_types), "document types that backups leave out"},
    {DAVENPORT_SETTING(backup, revisions),
     "winners, or leaves: also conflicts, tombstones and revision histories"},
    {DAVENPORT_SETTING(backup, max_segments),
     "segments a backup needs before older ones are merged", 2, 64},
    {DAVENPORT_SETTING(retention, preset),
     "which backups a prune keeps: console, rules (the keep_… below), or none: no prune"},
    {DAVENPORT_SETTING(retention, keep_last), "the newest so many; -1: all", -1, 1'000'000},
    {DAVENPORT_SETTING(retention, keep_hourly),
     "the newest of each of the last so many hours that have one; -1: all", -1, 1'000'000},
    {DAVENPORT_SETTING(retention, keep_daily), "the same by days", -1, 1'000'000},
    {DAVENPORT_SETTING(retention, keep_weekly), "the same by weeks", -1, 1'000'000},
    {DAVENPORT_SETTING(retention, keep_monthly), "the same by months", -1, 1'000'000},
    {DAVENPORT_SETTING(retention, keep_yearly), "the same by years", -1, 1'000'000},
    {DAVENPORT_SETTING(retention, keep_within),
     "all that are at most so much older than the newest: 2y5m7d3h"},
    {DAVENPORT_SETTING(retention, min_age),
     "retention lock: nobody can remove a backup that is younger (30d); empty: off"},
    {DAVENPORT_SETTING(retention, time_zone), "of the hours, days, weeks, months and years"},
    {DAVENPORT_SETTING(console, deployer_url), "goes into the rebuilt whitelist"},
    {DAVENPORT_SETTING(console, version_tag),
     "ibp_versions.tag of backup docs; empty: our version"},
    {DAVENPORT_SETTING(jobs, threads), "jobs that run at one time", 1, 64},
    {DAVENPORT_SETTING(jobs, lease_ms), "silence after which another instance takes a job over",
     1000, any},
    {DAVENPORT_SETTING(jobs, max_attempts), "crashes in a row before a job is given up", 1, 1000},
    {DAVENPORT_SETTING(webhooks, allow),
     "hosts, addresses or CIDR ranges, with optional :port, that webhooks may reach although "
     "private"},
    {DAVENPORT_SETTING(webhooks, signing_secret),
     "whsec_ + base64; empty: made at the first start"},
    {DAVENPORT_SETTING(webhooks, timeout_ms), "time for one delivery attempt", 10, 300'000},
    {DAVENPORT_SETTING(webhooks, first_retry_ms), "wait before the second attempt; then doubling",
     10, any},
    {DAVENPORT_SETTING(webhooks, give_up_after_ms), "age at which a delivery is given up", 1000,
     any},
    {DAVENPORT_SETTING(chat, time_zone),
     "name or offset (Asia/Jakarta, +07:00) of the zone that dates of exports are days in"},
    {DAVENPORT_SETTING(chat, max_export_days), "days that an export may cover; 0: no limit", 0,
     1'000'000},
    {DAVENPORT_SETTING(chat, max_export_comments), "rows of an export of comments; 0: no limit", 0,
     any},
    {DAVENPORT_SETTING(chat, max_export_users), "rows of an export of users; 0: no limit", 0, any},
    {DAVENPORT_SETTING(chat, max_export_rooms), "rows of an export of rooms; 0: no limit", 0, any},
    {DAVENPORT_SETTING(chat, max_import_bytes), "a file to import; beyond: 413", 1, 1 << 30},
    {DAVENPORT_SETTING(chat, link_lifetime_secs), "how long an export's download link works", 1,
     31 * 24 * 3600},
    {DAVENPORT_SETTING(access, session_lifetime_secs), "of a login session", 60, 31 * 24 * 3600},
    {DAVENPORT_SETTING(access, failures_per_minute), "wrong credentials per address and per key", 1,
     100'000},
    {DAVENPORT_SETTING(access, policy_file),
     "JSON object role -> actions; empty: the built-in roles"},
    {DAVENPORT_SETTING(audit, keep_days),
     "age at which lines of the audit log are removed; 0: never", 0, 36'500},
    {DAVENPORT_SETTING(schedules, backup),
     "cron expression of the backups that nobody has to ask for; empty: none"},
    {DAVENPORT_SETTING(schedules, zone), "time zone that it is meant in"},
    {DAVENPORT_SETTING(schedules, random_delay_secs), "it waits at random up to so long", 0,
     24 * 3600},
    {DAVENPORT_SETTING(schedules, skip_if_newer_secs),
     "a run is skipped while the newest backup is not that old; 0: never", 0, any},
    {DAVENPORT_SETTING(drills, directory),
     "where drills keep embedded scratch databases; empty: drills in the data directory"},
    {DAVENPORT_SETTING(drills, keep), "reports of drills that are kept", 1, 1'000},
    {DAVENPORT_SETTING(drills, min_free_bytes),
     "a drill in embedded databases ends when less is free on their disk", 0, any},
    {DAVENPORT_SETTING(signing, key_file),
     "PEM private key (Ed25519) that signs; empty: DATA/signing-key.pem, made at the first start"},
    {DAVENPORT_SETTING(signing, earlier_keys_file),
     "PEM public keys that signed before, oldest first; empty: none"},
    {DAVENPORT_SETTING(encryption, key_file), "master key that encrypts the vault; empty: none"},
    {DAVENPORT_SETTING(encryption, key), "the master key itself, in base64; for the environment"},
    {DAVENPORT_SETTING(encryption, old_key_files), "master keys that only open older backups"},
    {DAVENPORT_SETTING(encryption, recipients),
     "public keys that backups are encrypted for; this machine need not be able to read them"},
    {DAVENPORT_SETTING(encryption, identity_file), "private keys of recipients: opens backups"},
    {DAVENPORT_SETTING(log, level), "trace, debug, info, warn or error"},
    {DAVENPORT_SETTING(log, format), "text, or json: one object a line"},
    {DAVENPORT_SETTING(metrics, access),
     "who may read /metrics: key (a credential with the action settings or audit), loopback (also "
     "whoever connects from this machine), anyone"},
};

#undef DAVENPORT_SETTING

const Row* find(std::string_view section, std::string_view name) {
    for (const Row& row : rows)
        if (section == row.section && name == row.name) return &row;
    return nullptr;
}

Result<> set_number(const Row& row, std::int64_t& target, std::int64_t value,
                    std::string_view place) {
    if (value < row.minimum || value > row.maximum)
        return fail(ErrorCode::invalid_argument, "{}: {}.{} is {}; it must be {} to {}", place,
                    row.section, row.name, value, row.minimum, row.maximum);
    target = value;
    return {};
}

Texts split(std::string_view text) {
    Texts parts;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        std::string_view part = text.substr(0, comma);
        while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
        while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
        if (!part.empty()) parts.emplace_back(part);
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    return parts;
}

Result<> set_text(const Row& row, Settings& settings, std::string_view text,
                  std::string_view place) {
    const Target target = row.target(settings);
    if (auto* const* string = std::get_if<std::string*>(&target)) {
        **string = text;
    } else if (auto* const* list = std::get_if<Texts*>(&target)) {
        **list = split(text);
    } else {
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{} || end != text.data() + text.size())
            return fail(ErrorCode::invalid_argument,
                        "{}: {}.{} is \"{}\"; it must be a whole number", place, row.section,
                        row.name, text);
        return set_number(row, *std::get<std::int64_t*>(target), value, place);
    }
    return {};
}

Result<> set_node(const Row& row, Settings& settings, const toml::node& node,
                  std::string_view place) {
    const auto wrong = [&](std::string_view expected) {
        return fail(ErrorCode::invalid_argument, "{}, line {}: {}.{} must be {}", place,
                    node.source().begin.line, row.section, row.name, expected);
    };
    const Target target = row.target(settings);
    if (auto* const* string = std::get_if<std::string*>(&target)) {
        const auto* value = node.as_string();
        if (!value) return wrong("a text");
        **string = value->get();
    } else if (auto* const* list = std::get_if<Texts*>(&target)) {
        const toml::array* array = node.as_array();
        if (!array) return wrong("a list of texts");
        Texts texts;
        for (const toml::node& element : *array) {
            const auto* value = element.as_string();
            if (!value) return wrong("a list of texts");
            texts.push_back(value->get());
        }
        **list = std::move(texts);
    } else {
        const auto* value = node.as_integer();
        if (!value) return wrong("a whole number");
        return set_number(row, *std::get<std::int64_t*>(target), value->get(), place);
    }
    return {};
}

// To forget them is the likeliest mistake, and what the parser makes of such a value (an address is
// a bad time to it) leads nowhere.
std::string_view hint(std::string_view text, std::size_t line) {
    for (; line > 1 && !text.empty(); --line)
        text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    text = text.substr(0, text.find('\n'));
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return "";
    const std::string_view value = text.substr(equals + 1);
    const bool bare = value.find_first_not_of(" \t\r") != std::string_view::npos &&
                      value.find_first_of("\"'") == std::string_view::npos;
    return bare ? " (a text needs quotes)" : "";
}

Result<> load_file(const std::string& file, Settings& settings) {
    const auto text = read_file(file, longest_file);
    if (!text) return fail(ErrorCode::invalid_argument, "{}", text.error().message);
    toml::table document;
    try {
        document = toml::parse(*text, file);
    } catch (const toml::parse_error& error) {
        const std::size_t line = error.source().begin.line;
        return fail(ErrorCode::invalid_argument, "{}, line {}: {}{}", file, line,
                    error.description(), hint(*text, line));
    }
    for (const auto& [section_key, section_node] : document) {
        const std::string_view section = section_key.str();
        const toml::table* table = section_node.as_table();
        const bool known = std::any_of(std::begin(rows), std::end(rows),
                                       [&](const Row& row) { return section == row.section; });
        if (!known || !table)
            return fail(ErrorCode::invalid_argument, "{}, line {}: unknown setting \"{}\"", file,
                        section_node.source().begin.line, section);
        for (const auto& [name_key, node] : *table) {
            const Row* row = find(section, name_key.str());
            if (!row)
                return fail(ErrorCode::invalid_argument, "{}, line {}: unknown setting \"{}.{}\"",
                            file, node.source().begin.line, section, name_key.str());
            DAVENPORT_TRY(set_node(*row, settings, node, file));
        }
    }
    return {};
}

std::string environment_name(const Row& row) {
    std::string name = std::string("DAVENPORT_") + row.section + "_" + row.name;
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return name;
}

Result<> load_environment(const std::vector<std::string>& environment, Settings& settings) {
    for (const std::string& entry : environment) {
        if (!entry.starts_with("DAVENPORT_")) continue;
        const std::size_t equals = entry.find('=');
        if (equals == std::string::npos) continue;
        const std::string name = entry.substr(0, equals);
        const Row* row = nullptr;
        for (const Row& candidate : rows)
            if (environment_name(candidate) == name) row = &candidate;
        if (!row) return fail(ErrorCode::invalid_argument, "environment: unknown setting {}", name);
        DAVENPORT_TRY(set_text(*row, settings, std::string_view(entry).substr(equals + 1),
                               "environment " + name));
    }
    return {};
}

// Credentials in a URL are convenient to give and dangerous to keep: nothing that shows the URL may
// show them.
Result<> take_credentials(Settings& settings) {
    auto& databases = settings.databases;
    std::string& url = databases.couchdb_url;
    if (url.empty()) return {};
    const std::size_t scheme = url.find("://");
    // Where the password in it stands can't be told, so it goes no further, nor into the message.
    if (scheme == std::string::npos || url.find_first_of("@/:") != scheme)
        return fail(ErrorCode::invalid_argument,
                    "databases.couchdb_url must begin with http:// or https://");
    const std::size_t begin = scheme + 3;
    const std::size_t at = url.substr(0, url.find_first_of("/?#", begin)).rfind('@');
    if (at == std::string::npos || at < begin) return {};
    const std::string credentials = url.substr(begin, at - begin);
    url.erase(begin, at + 1 - begin);
    const std::size_t colon = credentials.find(':');
    const auto user = percent_decode(credentials.substr(0, colon));
    const auto password =
        percent_decode(colon == std::string::npos ? "" : credentials.substr(colon + 1));
    if (!user || !password)
        return fail(ErrorCode::invalid_argument,
                    "databases.couchdb_url: its user or password holds a malformed % escape");
    databases.couchdb_user = *user;
    databases.couchdb_password = *password;
    return {};
}

// A rule that would be passed over, or a set of rules that is empty, is a misunderstanding.
Result<> check_retention(const Settings& settings) {
    const auto& retention = settings.retention;
    const bool any_rule = retention.keep_last != 0 || retention.keep_hourly != 0 ||
                          retention.keep_daily != 0 || retention.keep_weekly != 0 ||
                          retention.keep_monthly != 0 || retention.keep_yearly != 0 ||
                          !retention.keep_within.empty();
    if (retention.preset == "rules") {
        if (any_rule) return {};
        return fail(ErrorCode::invalid_argument,
                    "retention.preset is \"rules\", so at least one retention.keep_… must be set: "
                    "no rules would mean to remove everything");
    }
    if (retention.preset != "console" && retention.preset != "none")
        return fail(ErrorCode::invalid_argument,
                    "retention.preset is \"{}\"; it must be console, rules or none",
                    retention.preset);
    if (any_rule)
        return fail(ErrorCode::invalid_argument,
                    "a retention.keep_… is set, but retention.preset is \"{}\"; it must be rules",
                    retention.preset);
    return {};
}

Result<> check(const Settings& settings) {
    if (settings.http.tls_certificate_file.empty() != settings.http.tls_key_file.empty())
        return fail(ErrorCode::invalid_argument,
                    "http.tls_certificate_file and http.tls_key_file must be set together");
    static constexpr std::string_view levels[] = {"trace", "debug", "info", "warn", "error"};
    if (std::find(std::begin(levels), std::end(levels), settings.log.level) == std::end(levels))
        return fail(ErrorCode::invalid_argument,
                    "log.level is \"{}\"; it must be trace, debug, info, warn or error",
                    settings.log.level);
    const std::string& format = settings.log.format;
    if (format != "text" && format != "json")
        return fail(ErrorCode::invalid_argument, "log.format is \"{}\"; it must be text or json",
                    format);
    const std::string& readers = settings.metrics.access;
    if (readers != "key" && readers != "loopback" && readers != "anyone")
        return fail(ErrorCode::invalid_argument,
                    "metrics.access is \"{}\"; it must be key, loopback or anyone", readers);
    const std::string& login = settings.databases.couchdb_login;
    if (login != "basic" && login != "cookie")
        return fail(ErrorCode::invalid_argument,
                    "databases.couchdb_login is \"{}\"; it must be basic or cookie", login);
    const std::string& revisions = settings.backup.revisions;
    if (revisions != "winners" && revisions != "leaves")
        return fail(ErrorCode::invalid_argument,
                    "backup.revisions is \"{}\"; it must be winners or leaves", revisions);
    DAVENPORT_TRY(check_retention(settings));
    if (!settings.encryption.key_file.empty() && !settings.encryption.key.empty())
        return fail(ErrorCode::invalid_argument,
                    "encryption.key_file and encryption.key exclude each other");
    const std::string& listen = settings.http.listen;
    const std::size_t colon = listen.rfind(':');
    int port = -1;
    if (colon != std::string::npos && colon > 0)
        std::from_chars(listen.data() + colon + 1, listen.data() + listen.size(), port);
    if (port < 0 || port > 65535)
        return fail(ErrorCode::invalid_argument, "http.listen is \"{}\"; it must be HOST:PORT",
                    listen);
    return {};
}

std::string quoted(std::string_view text) {
    return fmt::format("\"{}\"", text);
}

}  // namespace

std::vector<SettingInfo> setting_table() {
    Settings defaults;
    std::vector<SettingInfo> table;
    for (const Row& row : rows) {
        const Target target = row.target(defaults);
        SettingInfo info{row.section, row.name, "", "", row.description};
        if (auto* const* text = std::get_if<std::string*>(&target)) {
            info.type = "text";
            info.default_value = quoted(**text);
        } else if (auto* const* list = std::get_if<Texts*>(&target)) {
            info.type = "list";
            for (const std::string& element : **list)
                info.default_value += (info.default_value.empty() ? "" : ", ") + quoted(element);
            info.default_value = "[" + info.default_value + "]";
        } else {
            info.type = "number";
            info.default_value = std::to_string(*std::get<std::int64_t*>(target));
        }
        table.push_back(std::move(info));
    }
    return table;
}

Result<Settings> load(const std::string& file, const std::vector<std::string>& environment,
                      const std::vector<std::pair<std::string, std::string>>& overrides) {
    Settings settings;
    if (!file.empty()) DAVENPORT_TRY(load_file(file, settings));
    DAVENPORT_TRY(load_environment(environment, settings));
    for (const auto& [key, text] : overrides) {
        const std::size_t dot = key.find('.');
        const Row* row = find(key.substr(0, dot), key.substr(dot + 1));
        if (!row) return fail(ErrorCode::internal, "no setting {}", key);
        DAVENPORT_TRY(set_text(*row, settings, text, "--" + std::string(row->name)));
    }
    DAVENPORT_TRY(take_credentials(settings));
    DAVENPORT_TRY(check(settings));
    return settings;
}

}  // namespace davenport::config
