#include "davenport/api/auditing.hpp"

#include <algorithm>
#include <cctype>

namespace davenport::api {
namespace {

struct Row {
    std::string_view method, pattern;  // without prefix and version; "chat" before those of a chat
    Recording recording;
    std::string_view action;
    std::string_view target = {};
    std::string_view detail = {};
};

// The one list of what routes are called in the log. Actions are stable: auditors search for them.
constexpr Row rows[] = {
    {"POST", "/backups", Recording::change, "backup.create", "id"},
    {"GET", "/backups", Recording::look, "backup.list"},
    {"GET", "/backups/:id", Recording::read, "backup.read", ":id"},
    {"PUT", "/backups/:id/attachments/:name", Recording::change, "backup.append", ":id"},
    {"DELETE", "/backups/:id", Recording::change, "backup.delete", ":id"},
    {"PUT", "/backups/:id/pin", Recording::change, "backup.pin", ":id"},
    {"DELETE", "/backups/:id/pin", Recording::change, "backup.unpin", ":id"},
    {"PUT", "/backups", Recording::change, "restore.start", {}, "url"},
    {"PUT", "/backups/:id", Recording::change, "restore.start", ":id", "url"},
    {"GET", "/verification", Recording::look, "backup.verify"},
    {"GET", "/backups/:id/verification", Recording::look, "backup.verify", ":id"},
    {"GET", "/backups/:id/diff/:other", Recording::read, "backup.diff", ":id", ":other"},
    {"GET", "/backups/:id/proofs/:db/*doc", Recording::read, "backup.prove", ":id"},
    {"POST", "/prune", Recording::change, "prune.start", "id"},
    {"GET", "/webhooks/txs/:tx", Recording::look, "transaction.read", ":tx"},
    {"GET", "/webhooks", Recording::look, "transaction.list"},
    {"GET", "/webhooks/deliveries", Recording::look, "delivery.list"},
    {"POST", "/webhooks/deliveries/:id/replay", Recording::change, "delivery.replay", ":id"},
    {"POST", "/permissions/keys", Recording::change, "key.create", "api_key", "roles"},
    {"GET", "/permissions/keys", Recording::look, "key.list"},
    {"DELETE", "/permissions/keys/:key", Recording::change, "key.delete", ":key"},
    {"POST", "/identity/token", Recording::change, "token.create", "token_id", "roles"},
    {"DELETE", "/identity/token/:id", Recording::change, "token.delete", ":id"},
    {"POST", "/auth/login", Recording::entry, "login"},
    {"POST", "/auth/logout", Recording::entry, "logout"},
    {"GET", "/schedules", Recording::look, "schedule.list"},
    {"POST", "/schedules", Recording::change, "schedule.create", "id"},
    {"GET", "/schedules/:id", Recording::look, "schedule.read", ":id"},
    {"DELETE", "/schedules/:id", Recording::change, "schedule.delete", ":id"},
    {"POST", "/schedules/:id/pause", Recording::change, "schedule.pause", ":id"},
    {"POST", "/schedules/:id/resume", Recording::change, "schedule.resume", ":id"},
    {"POST", "/schedules/:id/run", Recording::change, "schedule.run", ":id", "job"},
    {"POST", "/drills", Recording::change, "drill.start", "id"},
    {"GET", "/drills", Recording::look, "drill.list"},
    {"GET", "/drills/:id", Recording::look, "drill.read", ":id"},
    {"GET", "/audit", Recording::look, "audit.list"},
    {"GET", "/audit/export", Recording::read, "audit.export"},
    {"GET", "/audit/verification", Recording::look, "audit.verify"},

    {"POST", "chat/exports", Recording::change, "export.create",
     "results.unique_id|results.schedule.unique_id"},
    {"GET", "chat/exports", Recording::look, "export.list"},
    {"GET", "chat/exports/:id", Recording::look, "export.read", ":id"},
    {"DELETE", "chat/exports/:id", Recording::change, "export.delete", ":id"},
    {"GET", "chat/exports/schedules", Recording::look, "export_schedule.list"},
    {"GET", "chat/exports/schedules/:id", Recording::look, "export_schedule.read", ":id"},
    {"DELETE", "chat/exports/schedules/:id", Recording::change, "export_schedule.delete", ":id"},
    {"GET", "chat/exports/:id/download", Recording::link, "export.download", ":id"},
    {"POST", "chat/imports", Recording::change, "import.create",
     "results.backup_history.unique_id"},
    {"GET", "chat/imports", Recording::look, "import.list"},
    {"GET", "chat/imports/:id", Recording::look, "import.read", ":id"},

    {"PUT", "/couchdb/:db", Recording::change, "database.create", ":db"},
    {"DELETE", "/couchdb/:db", Recording::change, "database.delete", ":db"},
    {"PUT", "/couchdb/:db/_security", Recording::change, "database.secure", ":db"},
};

struct Unaudited {
    std::string_view method, pattern, reason;
};

constexpr std::string_view application_data =
    "an application's own users, rooms and comments, many a second";
constexpr std::string_view about_the_server = "tells about the server, nothing of what it keeps";

constexpr Unaudited unaudited[] = {
    {"GET", "/signing-key", "tells the public key, which is for everybody"},
    {"GET", "/auth/session", "tells callers their own name and roles"},
    {"POST", "chat/login_or_register", application_data},
    {"POST", "chat/create_room", application_data},
    {"GET", "chat/get_or_create_room_with_target", application_data},
    {"POST", "chat/get_or_create_room_with_target", application_data},
    {"POST", "chat/get_rooms_info", application_data},
    {"POST", "chat/add_room_participants", application_data},
    {"POST", "chat/remove_room_participants", application_data},
    {"POST", "chat/post_comment", application_data},
    {"POST", "chat/load_comments", application_data},
    {"POST", "chat/post_system_event_message", application_data},
    {"GET", "/couchdb", about_the_server},
    {"GET", "/couchdb/", about_the_server},
    {"GET", "/couchdb/_session", about_the_server},
    {"GET", "/couchdb/_up", about_the_server},
    {"GET", "/couchdb/_uuids", about_the_server},
    {"GET", "/couchdb/_all_dbs", about_the_server},
    {"GET", "/health", about_the_server},
    {"GET", "/ready", about_the_server},
    {"GET", "/metrics", "figures without content, asked for many times a minute"},
    {"GET", "/openapi.json", "describes the API, the same for everybody"},
};

// What of CouchDB's API only reads although it is a POST.
constexpr std::string_view reading_posts[] = {"/_bulk_get", "/_changes", "/_revs_diff",
                                              "/_missing_revs", "/_all_docs"};

// "/api/v3/backups" as "/backups", "/api/v2.1/rest/exports" as "chat/exports"; others as they are.
std::string plain(std::string_view pattern) {
    for (const std::string_view chat : {"/api/v2/rest", "/api/v2.1/rest"})
        if (pattern.starts_with(chat)) return "chat" + std::string(pattern.substr(chat.size()));
    for (const std::string_view prefix : {"/ak/api/v", "/api/v"})
        if (pattern.starts_with(prefix))
            return std::string(
                pattern.substr(std::min(pattern.find('/', prefix.size()), pattern.size())));
    return std::string(pattern);
}

bool is_read(std::string_view method) {
    return method == "GET" || method == "HEAD";
}

AuditRule rule_of_documents(std::string_view method, std::string_view pattern) {
    const bool reads = is_read(method) ||
                       (method == "POST" &&
                        std::any_of(std::begin(reading_posts), std::end(reading_posts),
                                    [&](std::string_view end) { return pattern.ends_with(end); }));
    return {Recording::documents, reads ? "database.read" : "database.write", ":db", {}, {}};
}

// "/schedules/:id/pause" with POST: schedules.pause.post
AuditRule rule_of_others(std::string_view method, std::string_view pattern) {
    AuditRule rule;
    std::string_view rest = pattern;
    while (!rest.empty()) {
        const std::string_view segment = rest.substr(0, rest.find('/'));
        rest.remove_prefix(std::min(segment.size() + 1, rest.size()));
        if (segment.starts_with(':') && rule.target.empty()) rule.target = std::string(segment);
        if (segment.empty() || segment.starts_with(':') || segment.starts_with('*')) continue;
        rule.action += segment;
        rule.action += '.';
    }
    for (const char c : method)
        rule.action += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    rule.recording = is_read(method) ? Recording::look : Recording::change;
    return rule;
}

}  // namespace

AuditRule audit_rule(std::string_view method, std::string_view pattern) {
    const std::string wanted = plain(pattern);
    for (const Row& row : rows)
        if (row.method == method && row.pattern == wanted)
            return {
                row.recording, std::string(row.action), std::string(row.target), row.detail, {}};
    for (const Unaudited& row : unaudited)
        if (row.method == method && row.pattern == wanted)
            return {Recording::none, {}, {}, {}, row.reason};
    if (wanted.starts_with("/couchdb/:db")) return rule_of_documents(method, pattern);
    return rule_of_others(method, wanted);
}

}  // namespace davenport::api
