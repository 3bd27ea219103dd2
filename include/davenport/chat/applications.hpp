#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/rbac/throttle.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace davenport::chat {

struct Application {
    std::string id;           // [a-z0-9] and '-' or '_' inside, at most 63: a label of a host name
    std::string webhook_url;  // empty = none
    std::int64_t created_ms = 0;
    // What its users' tokens are derived from; a secret, never shown.
    std::string token_key;

    std::string database() const { return "chat_" + id; }
};

// The chat applications that are known, documents `chat_app/<id>` of the control database, each
// with a database of its own. Secrets are random and stored as salted SHA-256, like API keys'.
// Thread-safe.
class Applications {
  public:
    // All must outlive it.
    static Result<std::unique_ptr<Applications>> open(std::shared_ptr<documents::Database> control,
                                                      documents::DocumentStore& store,
                                                      const Clock& clock,
                                                      unsigned failures_per_minute);

    struct Created {
        Application application;
        std::string secret;  // shown once
    };
    // Makes its database too; one that a restore brought back is taken over as it is.
    // already_exists; invalid_argument for an id that is none.
    Result<Created> create(std::string_view id, const std::string& webhook_url);
    Result<std::vector<Application>> list();       // by id
    Result<Application> get(std::string_view id);  // not_found
    // The former secret is refused from now on (on other instances within a second).
    Result<std::string> rotate_secret(std::string_view id);
    Result<> set_webhook_url(std::string_view id, const std::string& url);  // empty = none
    // With its database: users, rooms and comments are gone.
    Result<> remove(std::string_view id);

    // unauthorized (one message for every reason), or too_many after too many failures from that
    // address. Look-ups are kept for at most a second.
    Result<Application> authenticate(std::string_view id, std::string_view secret,
                                     std::string_view remote_address);

  private:
    struct Entry {
        Application application;
        std::string salt, hash;
        std::int64_t read_ms = 0;
    };
    Applications(std::shared_ptr<documents::Database> control, documents::DocumentStore& store,
                 const Clock& clock, unsigned failures_per_minute);
    Result<Entry> read(std::string_view id);
    Result<Entry> look_up(std::string_view id);
    void forget(std::string_view id);

    const std::shared_ptr<documents::Database> control_;
    documents::DocumentStore& store_;
    const Clock& clock_;
    const unsigned failures_per_minute_;
    rbac::Throttle failures_;  // by address
    std::mutex mutex_;
    std::unordered_map<std::string, Entry> cache_;
};

// invalid_argument when `id` can't name an application.
Result<> check_application_id(std::string_view id);

}  // namespace davenport::chat
