#pragma once

#include <string>
#include <string_view>

// Who works on a job: "boot id/pid namespace/pid/start time/random". The random part tells two
// runners of one process apart.
namespace davenport::jobs {

std::string make_owner();

// True only when it is certain: the owner is a process of this boot and this pid namespace, and no
// process with that pid and start time is alive. Owners elsewhere lose their work by lease alone.
bool is_gone(std::string_view owner);

}  // namespace davenport::jobs
