#pragma once

#include "davenport/base/json.hpp"
#include "davenport/jobs/runner.hpp"
#include "davenport/rbac/access.hpp"
#include "davenport/restore/restore.hpp"
#include "davenport/vault/vault.hpp"

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

// The JSON that the HTTP API and the command line both answer with.
namespace davenport::service {

class Service;

json::object to_json(const vault::Verification& verification);
json::object to_json(const restore::Report& dry_run);
// What anybody who may look at jobs may see: parameters and results can hold secrets.
json::object to_json(const jobs::Job& job);
json::object to_json(const std::vector<rbac::KeyInfo>& keys);

// {"ids":[…],"backups":[…]}, oldest first, by what manifests and pins say: no segment is read. A
// damaged backup has a row like the others.
Result<json::object> backups_to_json(Service& service);

// Counts of all differences and the first `listed` of them. `beat` is asked before every record;
// its error ends it. May be empty.
Result<json::object> diff_to_json(const vault::Vault& vault, std::string_view before,
                                  std::string_view after, std::uint64_t listed,
                                  const std::function<Result<>()>& beat = {});

}  // namespace davenport::service
