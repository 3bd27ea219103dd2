#include "davenport/base/random.hpp"
#include "durable_scheduler.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

// How work is started. Each step is one write by revision:
//
//   claim    run id, next time        then a crash: whoever sees the claim stand for too long
//                                     claims it anew, and calls the handler with the same run id
//   (call the handler)                then a crash: the same; the handler finds its work begun
//   record   outcome, claim removed   a one-time schedule is done with this
namespace davenport::schedules {

using std::chrono::milliseconds;

namespace {

constexpr std::uint64_t page = 100;
// How often all schedules are looked at for times that a wrong clock has put too far ahead.
constexpr std::int64_t look_at_all_ms = 600'000;

// A handler's exception ends its run, not the service.
Result<Scheduler::Outcome> call(const Scheduler::Handler& handler, const Schedule& schedule,
                                std::string_view run_id) {
    try {
        return handler(schedule, run_id);
    } catch (const std::exception& e) {
        return fail(ErrorCode::internal, "the schedule's handler threw: {}", e.what());
    } catch (...) {
        return fail(ErrorCode::internal, "the schedule's handler threw something");
    }
}

}  // namespace

void DurableScheduler::run() {
    while (true) {
        {
            const std::lock_guard lock(mutex_);
            changed_ = false;
        }
        const auto pass = this->pass();
        milliseconds pause = options_.poll;
        if (pass && pass->acted) {
            pause = milliseconds(0);
        } else if (pass && pass->next_wake_ms) {
            const milliseconds until(*pass->next_wake_ms - clock_.now_ms());
            pause = std::clamp(until, milliseconds(1), options_.poll);
        }
        std::unique_lock lock(mutex_);
        wake_cv_.wait_for(lock, pause, [this] { return stopping_ || changed_; });
        if (!stopping_) continue;
        running_ = false;
        ended_cv_.notify_all();
        return;
    }
}

Result<DurableScheduler::Pass> DurableScheduler::pass() {
    Pass pass;
    const std::int64_t begun = clock_.now_ms();
    // At the start, now and then, and when the clock is set back.
    const bool all = begun < looked_ms_ || begun - looked_ms_ >= look_at_all_ms;
    for (std::uint64_t skip = 0;; skip += page) {
        const std::int64_t now = clock_.now_ms();
        DAVENPORT_ASSIGN(auto awaited, store_.awaited(skip, page));
        for (auto& [wake_ms, document] : awaited) {
            if (stopping()) return pass;
            const bool due = wake_ms <= now;
            if (!due && !pass.next_wake_ms) pass.next_wake_ms = wake_ms;
            if (!due && !all) return pass;
            if (!document) continue;
            if (due ? attend(std::move(*document)) : put_right(*document)) pass.acted = true;
        }
        if (awaited.size() < page) break;
    }
    // What was written moved in the index, and something may have been passed over.
    if (all && !pass.acted) looked_ms_ = begun;
    return pass;
}

// What waits for a time that only a wrong clock can have set would wait for ever.
bool DurableScheduler::put_right(const ScheduleDocument& document) {
    const std::int64_t now = clock_.now_ms();
    ScheduleDocument tried = document;
    if (!bring_back(tried, now, options_)) return false;
    bool changed = false;
    const auto written = store_.update(
        document.schedule.id, [&](ScheduleDocument& present) -> Result<documents::Edit> {
            changed = bring_back(present, now, options_);
            return changed ? documents::Edit::write : documents::Edit::keep;
        });
    if (!written || !changed) return false;
    spdlog::warn(
        "the schedule {} waited for a time that a wrong clock had set, and goes on from "
        "now",
        document.schedule.id);
    return true;
}

// False when nothing came of it: somebody else was faster, or has to do it, or the store failed.
bool DurableScheduler::attend(ScheduleDocument document) {
    Schedule& schedule = document.schedule;
    const std::int64_t now = clock_.now_ms();
    if (!document.claim && schedule.state == State::done)
        return store_.remove(document).has_value();
    if (handler_of(schedule.kind) == nullptr || options_.left_to_others.contains(schedule.id))
        return false;
    if (document.claim) {
        document.claim->since_ms = now;
        document.claim->retry_ms = 0;
    } else {
        Claim claim;
        claim.run_id = fmt::format("{}-{}", schedule.id, schedule.due_ms);
        if (!document.plan.empty()) claim.run_id += "-" + document.plan;
        claim.due_ms = schedule.due_ms;
        claim.since_ms = now;
        claim.planned = true;
        // All times up to now are made up for by this one run.
        auto planned = plan_next(schedule, std::max(now, schedule.due_ms));
        if (!planned) return postpone(std::move(document), planned.error());
        document.retry_ms = 0;
        document.claim = std::move(claim);
    }
    if (!take(document)) return false;
    static_cast<void>(start_work(document));  // its failure is on record
    return true;
}

// The next time can't be known here and now, such as when this machine lacks the time zone.
bool DurableScheduler::postpone(ScheduleDocument document, const Error& error) {
    const std::int64_t now = clock_.now_ms();
    document.retry_ms = now + postponed_ms;
    document.schedule.last_run = Run{{}, document.schedule.due_ms, now, {}, {}, error};
    if (!store_.write(document)) return false;
    tell(document.schedule, Start::failed, error);
    return true;
}

// Writes a claim. When the answer was lost, the mark tells whether it is ours.
Result<> DurableScheduler::take(ScheduleDocument& document) {
    document.claim->mark = random_hex(16);
    auto written = store_.write(document);
    if (written) return {};
    auto present = store_.read(document.schedule.id);
    if (!present || !present->claim || present->claim->mark != document.claim->mark)
        return fail(std::move(written).error());
    document = std::move(*present);
    return {};
}

Result<Scheduler::Outcome> DurableScheduler::start_work(const ScheduleDocument& document) {
    const Claim& claim = *document.claim;
    Schedule view = document.schedule;
    view.due_ms = claim.due_ms;
    view.requested = !claim.planned;
    Run run{claim.run_id, claim.due_ms, clock_.now_ms(), {}, {}, {}};
    auto outcome = call(*handler_of(view.kind), view, claim.run_id);
    if (!outcome && outcome.error().code == ErrorCode::already_exists) {
        const std::string& job = outcome.error().detail;
        outcome = Outcome(job.empty() ? claim.run_id : std::string(job));
    }
    if (outcome) {
        run.job = outcome->job;
        run.skipped = outcome->skipped;
    } else {
        if (claim.planned && traits(outcome.error().code).worth_retry) {
            const Error& error = outcome.error();
            const bool busy =
                error.code == ErrorCode::cancelled || error.code == ErrorCode::in_progress;
            tell(view, busy ? Start::waits : Start::unavailable, error);
            leave_for_later(document, error.message);
            return outcome;
        }
        run.error = outcome.error();
    }
    if (claim.planned)
        tell(view,
             !outcome              ? Start::failed
             : run.skipped.empty() ? Start::started
                                   : Start::skipped,
             run.error);
    record(document, std::move(run));
    return outcome;
}

// The message stays in the schedule, for those who may see it: users' data can be part of it.
void DurableScheduler::tell(const Schedule& schedule, Start start,
                            const std::optional<Error>& error) const {
    if (options_.observe) options_.observe(schedule, start);
    if (start == Start::failed)
        spdlog::warn("the schedule {} could not start its {}: {}", schedule.id, schedule.kind,
                     traits(error->code).name);
    // Once, not at each try.
    if (start == Start::unavailable && schedule.waits != error->message)
        spdlog::warn("the schedule {} could not start its {} yet, and tries again: {}", schedule.id,
                     schedule.kind, traits(error->code).name);
}

// If this can't be written, the claim stands, and the start is repeated after its time-out.
void DurableScheduler::leave_for_later(const ScheduleDocument& document, const std::string& why) {
    static_cast<void>(store_.update(
        document.schedule.id, [&](ScheduleDocument& present) -> Result<documents::Edit> {
            if (!present.claim || present.claim->mark != document.claim->mark)
                return documents::Edit::keep;
            if (present.schedule.state == State::paused) {
                present.claim.reset();
            } else {
                present.claim->retry_ms = clock_.now_ms() + options_.retry.count();
                present.claim->why = why;
            }
            return documents::Edit::write;
        }));
}

void DurableScheduler::record(const ScheduleDocument& document, Run run) {
    // If it can't be written, the claim stands, and the start is repeated and finds its work begun.
    // Where the schedule is gone, or its claim, somebody else has settled it.
    static_cast<void>(store_.update(
        document.schedule.id, [&](ScheduleDocument& present) -> Result<documents::Edit> {
            if (!present.claim || present.claim->run_id != run.id ||
                present.creation != document.creation)
                return documents::Edit::keep;
            if (present.claim->planned && present.schedule.cron.empty()) {
                present.schedule.state = State::done;
                present.done_ms = clock_.now_ms();
            }
            present.schedule.last_run = run;
            present.claim.reset();
            return documents::Edit::write;
        }));
}

Result<std::string> DurableScheduler::run_now(std::string_view id) {
    Error last;
    for (int attempt = 0; attempt < 30; ++attempt) {
        DAVENPORT_ASSIGN(ScheduleDocument document, store_.read(id));
        if (handler_of(document.schedule.kind) == nullptr)
            return fail(ErrorCode::unsupported, "nothing here starts work of the kind {}",
                        document.schedule.kind);
        if (document.claim)
            return fail(Error{ErrorCode::in_progress,
                              fmt::format("the schedule {} is being started", id),
                              document.claim->run_id});
        const std::int64_t now = clock_.now_ms();
        document.claim = Claim{};
        document.claim->run_id = fmt::format("{}-now-{}", id, random_token(10));
        document.claim->due_ms = document.claim->since_ms = now;
        auto taken = take(document);
        if (taken) {
            DAVENPORT_ASSIGN(Outcome outcome, start_work(document));
            return std::move(outcome.job);
        }
        last = std::move(taken).error();
        if (last.code != ErrorCode::conflict) break;
    }
    return fail(std::move(last));
}

}  // namespace davenport::schedules
