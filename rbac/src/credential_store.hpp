#pragma once

#include "credential.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace davenport::rbac {

// The credentials' documents, with a small cache of those found within the last second (the hash is
// cached, never the outcome of a comparison). Thread-safe.
class CredentialStore {
  public:
    CredentialStore(std::shared_ptr<documents::Database> control, const Clock& clock);
    Result<> prepare();  // the indexes

    Result<> create(const Credential& credential);
    // Null when there is none. A token or session whose key is gone is none; its roles are those
    // that its key still has.
    using Found = std::shared_ptr<const Credential>;
    Result<Found> find(Identity::Kind kind, std::string_view id);
    Result<> remove(Identity::Kind kind, std::string_view id);  // not_found

    Result<std::vector<Credential>> keys();  // oldest first
    Result<std::uint64_t> count_of(Identity::Kind kind, std::string_view owner);
    Result<> remove_of(Identity::Kind kind, std::string_view owner);
    Result<> remove_expired(Identity::Kind kind, std::int64_t now_ms);

  private:
    Result<Found> load(Identity::Kind kind, std::string_view id);
    Result<> remove_all(Identity::Kind kind, const documents::Query& query);
    void forget_all();

    struct Entry {
        Found credential;
        std::int64_t read_ms = 0;
    };
    const std::shared_ptr<documents::Database> control_;
    const Clock& clock_;
    std::mutex mutex_;
    std::unordered_map<std::string, Entry> cache_;  // by document id
};

}  // namespace davenport::rbac
