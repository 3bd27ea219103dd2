#pragma once

#include "davenport/base/result.hpp"

#include <string>

namespace davenport::service {

// Whether the files that this process would make in the data directory belong to the same user as
// those that are there. If not, the user of a running service could not read them: an administrator
// who lists backups as root must not stop the service. `forbidden` names the right user.
Result<> check_user(const std::string& directory);

}  // namespace davenport::service
