#include "answers.hpp"

#include "davenport/base/json.hpp"

namespace davenport::api::couchdb {
namespace {

struct Named {
    std::string_view name;
    int status;
};

// The error names that CouchDB's clients know, apart from those that follow from the ErrorCode.
constexpr Named named_errors[] = {
    {"bad_request", 400},
    {"illegal_database_name", 400},
    {"illegal_docid", 400},
    {"query_parse_error", 400},
    {"doc_validation", 400},
    {"content_md5_mismatch", 400},
    {"method_not_allowed", 405},
    {"file_exists", 412},
    {"missing_stub", 412},
    {"document_too_large", 413},
    {"max_bulk_docs_count_exceeded", 413},
    {"bad_content_type", 415},
    {"requested_range_not_satisfiable", 416},
    {"not_implemented", 501},
};

struct CouchError {
    int status;
    std::string_view name;
    std::string_view reason;
};

CouchError translate(const Error& error) {
    for (const Named& row : named_errors)
        if (error.detail == row.name) return {row.status, row.name, error.message};
    switch (error.code) {
        case ErrorCode::invalid_argument:
            return {400, "bad_request", error.message};
        case ErrorCode::not_found: {
            const bool of_document = error.detail == "missing" || error.detail == "deleted";
            return {404, "not_found", of_document ? error.detail : error.message};
        }
        case ErrorCode::conflict:
            return {409, "conflict", "Document update conflict."};
        case ErrorCode::already_exists:
            return {412, "file_exists", error.message};
        case ErrorCode::unsupported:
            return {501, "not_implemented", error.message};
        default: {
            const ErrorTraits& row = traits(error.code);
            return {row.http_status, row.name, error.message};
        }
    }
}

}  // namespace

Error refusal(std::string_view name, std::string reason) {
    return {ErrorCode::invalid_argument, std::move(reason), std::string(name)};
}

http::Response json_answer(int status, std::string text) {
    http::Response response = http::Response::json(status, std::move(text));
    response.headers.add("Cache-Control", "private, must-revalidate");
    return response;
}

http::Response ok_answer(int status) {
    return json_answer(status, "{\"ok\":true}\n");
}

void append_error(std::string& out, const Error& error) {
    const CouchError row = translate(error);
    out += "\"error\":";
    append_quoted(out, row.name);
    out += ",\"reason\":";
    append_quoted(out, row.reason);
}

http::Response error_answer(const Error& error) {
    std::string text = "{";
    append_error(text, error);
    text += "}\n";
    const int status = translate(error).status;
    http::Response response = json_answer(status, std::move(text));
    if (status == 429 || status == 503) response.headers.add("Retry-After", "5");
    return response;
}

http::Response written_answer(int status, std::string_view id, std::string_view revision) {
    std::string text = "{\"ok\":true,\"id\":";
    append_quoted(text, id);
    text += ",\"rev\":";
    append_quoted(text, revision);
    text += "}\n";
    http::Response response = json_answer(status, std::move(text));
    response.headers.add("ETag", fmt::format("\"{}\"", revision));
    return response;
}

}  // namespace davenport::api::couchdb
