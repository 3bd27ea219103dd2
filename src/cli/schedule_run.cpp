#include "operations.hpp"

#include <thread>

namespace davenport::cli {

Result<json::object> Operations::wait_for_run(const std::string& id, const std::string& job_id,
                                              std::chrono::milliseconds pause) {
    if (job_id.empty()) return schedule(id, "");  // there was nothing to do
    for (;;) {
        DAVENPORT_ASSIGN(const json::object found, job(job_id));
        const std::string state = text_or(found, "state");
        if (state != "succeeded" && state != "failed") {
            std::this_thread::sleep_for(pause);
            continue;
        }
        DAVENPORT_ASSIGN(json::object shown, schedule(id, ""));
        const json::object* last = object_member(shown, "last_run");
        if (last && text_or(*last, "job") == job_id) return shown;
        // Another run has begun meanwhile, or this one is not written there yet.
        json::object run{{"ts_started", integer_member(found, "created_timestamp").value_or(0)},
                         {"job", job_id},
                         {"outcome", state}};
        if (const json::object* error = object_member(found, "error"))
            run["message"] = text_or(*error, "message");
        shown["last_run"] = std::move(run);
        return shown;
    }
}

}  // namespace davenport::cli
