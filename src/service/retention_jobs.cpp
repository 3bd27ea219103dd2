#include "davenport/service/retention.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <thread>

namespace davenport::service {
namespace {

constexpr std::string_view prune_kind = "prune";
constexpr std::chrono::seconds longest_wait{60};
constexpr std::chrono::milliseconds glance{100};

}  // namespace

json::object prune_to_json(const jobs::Job& prune) {
    json::object object{{"id", prune.id},
                        {"by", text_or(prune.parameters, "by")},
                        {"state", json::string_view(jobs::to_text(prune.state).data(),
                                                    jobs::to_text(prune.state).size())}};
    if (prune.state == jobs::State::succeeded) object["result"] = prune.result;
    if (prune.state == jobs::State::failed) object["error"] = prune.error.message;
    if (!prune.ended()) object["removed_so_far"] = prune.progress.done;
    return object;
}

void Retention::handle_jobs() {
    jobs::Kind prune;
    prune.where = jobs::Kind::Where::at_its_place;
    prune.run = [this](jobs::Context& context) { return run(context); };
    prune.ended = [](const jobs::Job& job) -> Result<> {
        if (job.state == jobs::State::succeeded)
            spdlog::info("{} by {}: {}", job.id, text_or(job.parameters, "by"),
                         to_text(job.result));
        else
            spdlog::error("{} failed: {}", job.id, job.error.message);
        return {};
    };
    runner_.handle(std::string(prune_kind), std::move(prune));

    jobs::Kind waiting;
    waiting.where = jobs::Kind::Where::at_its_place;
    waiting.run = [this](jobs::Context& context) { return wait_and_prune(context); };
    waiting.ended = [](const jobs::Job& job) -> Result<> {
        if (job.state != jobs::State::succeeded)
            spdlog::error("no prune after backup {}: {}", text_or(job.parameters, "after"),
                          job.error.message);
        return {};
    };
    runner_.handle(std::string(waiting_kind), std::move(waiting));
}

Result<> Retention::submit_prune(const std::string& id, std::string_view by) {
    jobs::Runner::Submission submission;
    submission.id = id;
    submission.kind = prune_kind;
    submission.group = exclusive_group_;
    submission.parameters["by"] = json::string_view(by.data(), by.size());
    DAVENPORT_TRY(runner_.submit(std::move(submission)));
    return {};
}

Result<std::string> Retention::prune(std::string_view by) {
    // Without rules it is refused before anything is begun.
    DAVENPORT_TRY(retention::decide({}, rules_, now_ms(), zone_));
    for (std::int64_t now = now_ms();; ++now) {
        std::string id = fmt::format("prune_{}", now);
        const auto submitted = submit_prune(id, by);
        if (submitted) return id;
        if (submitted.error().code != ErrorCode::already_exists) return fail(submitted.error());
    }
}

Result<> Retention::after_backup(std::string_view backup_id, std::string_view by) {
    if (rules_.preset == retention::Rules::Preset::none) return {};
    jobs::Runner::Submission submission;
    submission.id = fmt::format("prune_awaits_{}", backup_id);
    submission.kind = waiting_kind;
    submission.parameters["after"] = json::string_view(backup_id.data(), backup_id.size());
    submission.parameters["by"] = json::string_view(by.data(), by.size());
    const auto submitted = runner_.submit(std::move(submission));
    if (!submitted && submitted.error().code != ErrorCode::already_exists)
        return fail(submitted.error());
    return {};
}

// The backup itself still holds the group when this begins.
Result<json::object> Retention::wait_and_prune(jobs::Context& context) {
    const std::string id =
        fmt::format("prune_after_{}", text_or(context.job().parameters, "after"));
    const auto deadline = std::chrono::steady_clock::now() + longest_wait;
    for (;;) {
        const auto submitted = submit_prune(id, text_or(context.job().parameters, "by"));
        if (submitted || submitted.error().code == ErrorCode::already_exists)
            return json::object{{"prune", id}};
        if (submitted.error().code != ErrorCode::in_progress ||
            std::chrono::steady_clock::now() > deadline)
            return fail(submitted.error());
        if (context.stopping()) return fail(ErrorCode::cancelled, "the service is stopping");
        std::this_thread::sleep_for(glance);
    }
}

Result<json::object> Retention::run(jobs::Context& context) {
    DAVENPORT_ASSIGN(const Choice choice, choose());
    vault::Removal why;
    why.reason = "not kept by the retention rules";
    why.rule = retention::to_text(rules_);
    why.by = text_or(context.job().parameters, "by");
    why.now_ms = now_ms();
    std::vector<vault::Vault::Doomed> doomed;
    for (std::string& id : choice.removed_ids()) doomed.push_back({std::move(id), why});
    const auto show = [&](std::uint64_t done) -> Result<> {
        jobs::Progress progress;
        progress.done = done;
        progress.total = doomed.size();
        context.report(std::move(progress));
        if (context.stopping()) return fail(ErrorCode::cancelled, "the service is stopping");
        return {};
    };
    // The notes of what is removed come before the space that it gives back.
    DAVENPORT_ASSIGN(const vault::Reclaimed reclaimed,
                     reserve_.spend([&] { return vault_.prune(doomed, show); }));
    // Said to be removed is what is gone: one that was pinned a moment ago is not.
    DAVENPORT_ASSIGN(const auto left, vault_.list());
    const std::set<std::string> stayed(left.begin(), left.end());
    json::array removed;
    for (const vault::Vault::Doomed& one : doomed) {
        if (stayed.contains(one.id)) continue;
        removed.emplace_back(one.id);
        const auto forgotten = runner_.remove(one.id);
        if (!forgotten && forgotten.error().code != ErrorCode::not_found)
            spdlog::warn("the job of the removed backup {} stays: {}", one.id,
                         forgotten.error().message);
    }
    DAVENPORT_TRY(vault_.store().sweep(24 * 3600));
    return json::object{{"rules", why.rule},
                        {"kept", choice.decisions.size() - removed.size()},
                        {"removed", std::move(removed)},
                        {"bytes", reclaimed.bytes},
                        {"segments", reclaimed.segments},
                        {"attachments", reclaimed.attachments}};
}

Result<jobs::Job> Retention::prune_job(std::string_view id) const {
    DAVENPORT_ASSIGN(jobs::Job job, runner_.get(id));
    if (job.kind != prune_kind) return fail(ErrorCode::not_found, "there is no prune {}", id);
    return job;
}

Result<jobs::Job> Retention::wait_for_prune(std::string_view id,
                                            std::chrono::milliseconds timeout) const {
    return runner_.wait(id, timeout);
}

}  // namespace davenport::service
