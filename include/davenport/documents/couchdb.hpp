#pragma once

#include "davenport/documents/document_store.hpp"

#include <stop_token>

namespace davenport::documents {

// An Apache CouchDB server or cluster (3.x; any server of its protocol).
struct CouchdbOptions {
    std::string url;             // "http://host:5984" or "https://host/prefix", without credentials
    std::string user, password;  // empty = none
    enum class Login { basic, cookie } login = Login::basic;
    std::string
        ca_file;  // PEM bundle that https certificates are checked with; empty = the system's

    std::uint64_t connect_timeout_ms = 10'000;
    std::uint64_t stall_timeout_ms = 60'000;  // an answer that brings no byte for so long is over
    std::uint64_t retry_for_ms = 180'000;  // how long refusals and broken connections are retried
    std::uint64_t max_request_bytes = 8u << 20;  // of `_bulk_docs` and the like; halved at a 413
    std::uint64_t max_document_bytes = 256u
                                       << 20;  // of an answer's single document, attachments apart
    std::uint32_t max_connections = 8;
    // Once it is asked to stop, nobody waits for a server that is away: each request is tried once,
    // and one that brings no byte for a few seconds is over. What is not answered is `cancelled`.
    std::stop_token ending{};
};

// Does not talk to the server yet. invalid_argument when the URL is none, or holds credentials.
Result<std::unique_ptr<DocumentStore>> open_couchdb(const CouchdbOptions& options);

}  // namespace davenport::documents
