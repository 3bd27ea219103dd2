#include "davenport/api/descriptions.hpp"

namespace davenport::api {
namespace {

using namespace openapi;

enum class Takes { nothing, json, bytes };

struct Call {
    const char* method;
    const char* pattern;  // after /couchdb
    const char* summary;
    Takes takes = Takes::nothing;
};

constexpr const char* not_there = "No part of this endpoint: 501";

// Parameters and answers are CouchDB's own; its documentation has them.
constexpr Call calls[] = {
    {"GET", "", "The welcome"},
    {"GET", "/", "The welcome"},
    {"GET", "/_session", "Who is asking"},
    {"GET", "/_up", "Whether it answers"},
    {"GET", "/_uuids", "New ids"},
    {"GET", "/_all_dbs", "The databases"},
    {"GET", "/:db", "A database"},
    {"GET", "/:db/", "A database"},
    {"PUT", "/:db", "Creates a database"},
    {"PUT", "/:db/", "Creates a database"},
    {"DELETE", "/:db", "Deletes a database"},
    {"DELETE", "/:db/", "Deletes a database"},
    {"POST", "/:db", "Writes a document", Takes::json},
    {"POST", "/:db/", "Writes a document", Takes::json},
    {"GET", "/:db/_security", "Who may do what, as stored"},
    {"PUT", "/:db/_security", "Stores who may do what", Takes::json},
    {"POST", "/:db/_ensure_full_commit", "Does nothing: every write is durable"},
    {"POST", "/:db/_compact", "Does nothing: free pages are used again"},
    {"GET", "/:db/_all_docs", "Documents in the order of their ids"},
    {"POST", "/:db/_all_docs", "Documents by their ids", Takes::json},
    {"GET", "/:db/_changes", "Changes in their order"},
    {"POST", "/:db/_changes", "Changes of some documents", Takes::json},
    {"POST", "/:db/_bulk_docs", "Writes many documents", Takes::json},
    {"POST", "/:db/_bulk_get", "Reads many documents", Takes::json},
    {"POST", "/:db/_revs_diff", "Revisions that are missing here", Takes::json},
    {"POST", "/:db/_missing_revs", "Revisions that are missing here", Takes::json},
    {"GET", "/:db/_local/:id", "A local document"},
    {"PUT", "/:db/_local/:id", "Writes a local document", Takes::json},
    {"DELETE", "/:db/_local/:id", "Deletes a local document"},
    {"GET", "/:db/:id", "A document"},
    {"PUT", "/:db/:id", "Writes a document", Takes::json},
    {"DELETE", "/:db/:id", "Deletes a document"},
    {"COPY", "/:db/:id", "Copies a document"},
    {"GET", "/:db/_design/:id", "A design document"},
    {"PUT", "/:db/_design/:id", "Writes a design document", Takes::json},
    {"DELETE", "/:db/_design/:id", "Deletes a design document"},
    {"COPY", "/:db/_design/:id", "Copies a design document"},
    {"GET", "/:db/:id/*name", "An attachment"},
    {"PUT", "/:db/:id/*name", "Writes an attachment", Takes::bytes},
    {"DELETE", "/:db/:id/*name", "Deletes an attachment"},
    {"GET", "/:db/_design/:id/*name", "An attachment of a design document"},
    {"PUT", "/:db/_design/:id/*name", "Writes an attachment", Takes::bytes},
    {"DELETE", "/:db/_design/:id/*name", "Deletes an attachment"},
    {"POST", "/:db/_purge", not_there, Takes::json},
    {"POST", "/:db/_find", not_there, Takes::json},
    {"POST", "/:db/_explain", not_there, Takes::json},
    {"POST", "/:db/_index", not_there, Takes::json},
    {"GET", "/:db/_index", not_there},
    {"GET", "/:db/_local_docs", not_there},
    {"GET", "/:db/_design_docs", not_there},
    {"GET", "/:db/_revs_limit", not_there},
    {"GET", "/:db/_design/:id/_view/:view", not_there},
    {"POST", "/:db/_design/:id/_view/:view", not_there, Takes::json},
};

int status_of(const Call& call) {
    const std::string_view method = call.method;
    const std::string_view pattern = call.pattern;
    if (call.summary == not_there) return 501;
    if (pattern.ends_with("_compact")) return 202;
    if (pattern.ends_with("_security")) return 200;
    const bool writes = method == "PUT" || method == "COPY" || pattern.ends_with("_bulk_docs") ||
                        pattern.ends_with("_ensure_full_commit") ||
                        (method == "POST" && (pattern == "/:db" || pattern == "/:db/"));
    return writes ? 201 : 200;
}

}  // namespace

void describe_couchdb(Document& document) {
    document.family("CouchDB", "The databases, as clients of CouchDB know them");
    for (const Call& call : calls) {
        Operation operation;
        operation.method = call.method;
        operation.pattern = fmt::format("/couchdb{}", call.pattern);
        operation.summary = call.summary;
        if (call.takes == Takes::json) operation.body = Body{"As CouchDB takes it"};
        if (call.takes == Takes::bytes)
            operation.body = Body{"The bytes", R"({"type":"string"})", "*/*"};
        operation.answers = {{status_of(call), "As CouchDB answers"}};
        document.add(Security::key_or_token, std::move(operation));
    }
}

}  // namespace davenport::api
