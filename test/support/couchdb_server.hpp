#pragma once

#include <string>

#include <sys/types.h>

namespace davenport::test {

// A server of CouchDB's protocol on a free loopback port, with its databases in memory: a child
// process (couchdb_server.mjs, which needs node and what scripts/install installs). It ends with
// this object, and by itself when this process ends in any way. Not thread-safe, its getters are.
//
// With DAVENPORT_TEST_COUCHDB=http://user:password@host:port in the environment it is that server
// instead, which is neither started nor ended. Tests drop what databases they find there.
class CouchdbServer {
  public:
    CouchdbServer();  // waits until it answers; throws std::runtime_error when it does not start
    ~CouchdbServer();
    CouchdbServer(const CouchdbServer&) = delete;
    CouchdbServer& operator=(const CouchdbServer&) = delete;

    const std::string& url() const { return url_; }  // "http://127.0.0.1:12345"
    // Of its administrator; every request needs credentials.
    const std::string& user() const { return user_; }
    const std::string& password() const { return password_; }

    bool is_external() const { return pid_ < 0; }  // the one from the environment

    // One for the whole process, started on first use.
    static const CouchdbServer& shared();

  private:
    void use(const std::string& url);
    void start();
    void end();

    std::string url_;
    std::string user_ = "admin";
    std::string password_ = "secret";
    pid_t pid_ = -1;
    pid_t owner_ = -1;  // a fork of the test must not end it
    int input_ = -1;
};

}  // namespace davenport::test
