#pragma once

#include "davenport/api/couchdb_routes.hpp"
#include "davenport/base/json.hpp"
#include "davenport/http/server.hpp"
#include "davenport/rbac/access.hpp"
#include "support/temporary_directory.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::test {

struct Reply {
    int status = 0;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    bool broken = false;  // the connection ended before the body did

    json::value json() const;                    // throws if it is none
    std::string member(const char* name) const;  // a string member of the body, or ""
    std::string error() const { return member("error"); }
    std::string reason() const { return member("reason"); }
    std::string revision() const { return member("rev"); }
};

using HeaderLines = std::vector<std::string>;

// A real server on a free port, over the embedded store in a directory of its own, with a key of
// every right.
class CouchServer {
  public:
    explicit CouchServer(api::CouchdbOptions options = {});
    ~CouchServer();

    // `target` is the path below /couchdb, sent as it stands. The body is JSON unless a
    // Content-Type header says otherwise.
    Reply call(std::string_view method, std::string_view target, std::string_view body = {},
               HeaderLines headers = {});
    // The same without credentials of its own.
    Reply call_as_stranger(std::string_view method, std::string_view target,
                           HeaderLines headers = {});

    documents::DocumentStore& store() { return *store_; }
    std::string key_with(const char* role);  // "key:secret"

    static constexpr const char* control_database = "davenport_control";

  private:
    Reply perform(std::string_view method, std::string_view target, std::string_view body,
                  const HeaderLines& headers, const std::string& user_password);

    TemporaryDirectory directory_;
    SystemClock clock_;
    std::unique_ptr<documents::DocumentStore> store_;
    std::unique_ptr<rbac::Access> access_;
    std::unique_ptr<api::Authorization> authorization_;
    std::unique_ptr<http::Server> server_;
    std::string credentials_;
    void* curl_ = nullptr;  // one connection, kept alive from call to call
};

// The texts of an array of strings.
std::vector<std::string> strings(const json::value& array);

}  // namespace davenport::test
