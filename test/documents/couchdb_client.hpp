#pragma once

#include "documents/couchdb/client.hpp"
#include "support/eventually.hpp"
#include "support/scripted_server.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

namespace davenport::documents::couchdb::test {

using davenport::test::eventually;
using davenport::test::Gate;
using davenport::test::ScriptedServer;
using davenport::test::TemporaryDirectory;
using Connection = ScriptedServer::Connection;
using Seen = ScriptedServer::Request;
using Method = Request::Method;
using Repeat = Request::Repeat;

// Long enough for a busy machine, short enough to fail a test that hangs.
inline CouchdbOptions options_for(const ScriptedServer& server) {
    CouchdbOptions options;
    options.url = server.url();
    options.stall_timeout_ms = 20'000;
    options.retry_for_ms = 20'000;
    return options;
}

inline std::shared_ptr<Client> client_of(const CouchdbOptions& options) {
    auto client = Client::create(options);
    if (!client) FAIL(client.error().message);
    return std::move(*client);
}

inline std::shared_ptr<Client> client_of(const ScriptedServer& server) {
    return client_of(options_for(server));
}

inline Request request(Method method, std::string path, std::string body = {}) {
    Request request;
    request.method = method;
    request.path = std::move(path);
    request.body = std::move(body);
    return request;
}

inline Request get(std::string path) {
    return request(Method::get, std::move(path));
}

inline Request once(Method method, std::string path, std::string body = {}) {
    Request made = request(method, std::move(path), std::move(body));
    made.repeat = Repeat::never;
    return made;
}

inline Answer require(Result<Answer> answer) {
    if (!answer) FAIL(answer.error().message);
    return std::move(*answer);
}

template <class T>
Error error_in(const Result<T>& result) {
    if (result) FAIL("no error came");
    return result.error();
}

// All that is left to read.
inline Result<std::string> rest_of(Exchange& exchange) {
    std::string all, piece(1 << 16, '\0');
    for (;;) {
        DAVENPORT_ASSIGN(const std::size_t got, exchange.read(piece));
        if (got == 0) return all;
        all.append(piece, 0, got);
    }
}

}  // namespace davenport::documents::couchdb::test
