#include "davenport/schedules/scheduler.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/random.hpp"
#include "davenport/base/time_zone.hpp"
#include "davenport/schedules/cron.hpp"
#include "durable_scheduler.hpp"

#include <algorithm>

// What callers ask of the scheduler; runs.cpp does the work.
namespace davenport::schedules {

using std::chrono::milliseconds;

namespace {

constexpr std::size_t max_id_bytes = 100;
constexpr std::size_t max_name_bytes = 256;  // of owners and kinds
constexpr std::size_t max_parameter_bytes = 64 * 1024;
constexpr std::int64_t max_random_delay_ms = 86'400'000;
constexpr std::uint64_t max_listed = 100'000;
constexpr std::uint64_t removal_page = 100;

Result<> check_id(std::string_view id) {
    const bool plain = std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
    if (plain && !id.empty() && id.size() <= max_id_bytes) return {};
    return fail(ErrorCode::invalid_argument,
                "a schedule's id may have 1 to {} letters, digits, '_' and '-', not {}",
                max_id_bytes, in_quotes(id));
}

Result<> check_name(std::string_view what, std::string_view name) {
    if (name.size() <= max_name_bytes && find_invalid_utf8(name) == std::string_view::npos)
        return {};
    return fail(ErrorCode::invalid_argument, "a schedule's {} may have {} bytes of UTF-8", what,
                max_name_bytes);
}

Result<> check(const NewSchedule& schedule) {
    if (!schedule.id.empty()) DAVENPORT_TRY(check_id(schedule.id));
    if (schedule.kind.empty()) return fail(ErrorCode::invalid_argument, "a schedule needs a kind");
    DAVENPORT_TRY(check_name("kind", schedule.kind));
    DAVENPORT_TRY(check_name("owner", schedule.owner));
    if (schedule.cron.empty() == schedule.at.empty())
        return fail(ErrorCode::invalid_argument,
                    "a schedule needs either a cron expression or one time");
    if (schedule.random_delay_ms < 0 || schedule.random_delay_ms > max_random_delay_ms)
        return fail(ErrorCode::invalid_argument,
                    "a schedule's random delay must be within 0 and 24 hours");
    if (davenport::to_text(schedule.parameters).size() > max_parameter_bytes)
        return fail(ErrorCode::too_large, "a schedule's parameters may have {} bytes",
                    max_parameter_bytes);
    DAVENPORT_TRY(TimeZone::load(schedule.zone));
    return {};
}

// The first time of a schedule that begins, or goes on, now.
Result<> plan_first(Schedule& schedule, std::int64_t now) {
    if (schedule.at.empty()) return plan_next(schedule, now);
    DAVENPORT_ASSIGN(const std::int64_t at, parse_rfc3339(schedule.at));
    if (at <= now) return fail(ErrorCode::invalid_argument, "the time {} is past", schedule.at);
    schedule.due_ms = at;
    schedule.next_run_ms = at + random_delay(schedule);
    return {};
}

// The same after a change of its times: a run that was due by the former ones is still to be made
// up for.
Result<> plan_changed(Schedule& schedule, std::int64_t now) {
    const std::int64_t due_ms = schedule.due_ms, next_run_ms = schedule.next_run_ms;
    DAVENPORT_TRY(plan_first(schedule, now));
    if (schedule.cron.empty() || due_ms == 0 || due_ms > now) return {};
    schedule.due_ms = due_ms;
    schedule.next_run_ms = next_run_ms;
    return {};
}

}  // namespace

Result<std::unique_ptr<Scheduler>> Scheduler::open(std::shared_ptr<documents::Database> control,
                                                   const Clock& clock, Options options) {
    if (!control) return fail(ErrorCode::invalid_argument, "schedules need a control database");
    if (options.poll <= milliseconds(0) || options.start_timeout <= milliseconds(0))
        return fail(ErrorCode::invalid_argument,
                    "schedules need a poll and a start time-out above 0");
    auto scheduler =
        std::make_unique<DurableScheduler>(std::move(control), clock, std::move(options));
    DAVENPORT_TRY(scheduler->prepare());
    return scheduler;
}

DurableScheduler::DurableScheduler(std::shared_ptr<documents::Database> control, const Clock& clock,
                                   Options options)
    : store_(std::move(control), options), clock_(clock), options_(std::move(options)) {}

DurableScheduler::~DurableScheduler() {
    stop(milliseconds(0));
    if (thread_.joinable()) thread_.join();
}

void DurableScheduler::handle(std::string kind, Handler handler) {
    handlers_.insert_or_assign(std::move(kind), std::move(handler));
}

const Scheduler::Handler* DurableScheduler::handler_of(std::string_view kind) const {
    const auto found = handlers_.find(kind);
    return found == handlers_.end() ? nullptr : &found->second;
}

Result<> DurableScheduler::start() {
    const std::lock_guard lock(mutex_);
    if (started_ || stopping_)
        return fail(ErrorCode::invalid_argument, "a scheduler starts only once");
    started_ = running_ = true;
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::exception& e) {
        running_ = false;
        return fail(ErrorCode::unavailable, "no thread for schedules: {}", e.what());
    }
    return {};
}

void DurableScheduler::stop(milliseconds deadline) {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    wake_cv_.notify_all();
    ended_cv_.wait_for(lock, deadline, [this] { return !running_; });
}

bool DurableScheduler::stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

void DurableScheduler::changed() {
    const std::lock_guard lock(mutex_);
    changed_ = true;
    wake_cv_.notify_all();
}

Result<Schedule> DurableScheduler::create(NewSchedule wanted) {
    DAVENPORT_TRY(check(wanted));
    ScheduleDocument document;
    document.creation = random_hex(16);
    Schedule& schedule = document.schedule;
    schedule.id = wanted.id.empty() ? random_token(20) : std::move(wanted.id);
    schedule.owner = std::move(wanted.owner);
    schedule.kind = std::move(wanted.kind);
    schedule.parameters = std::move(wanted.parameters);
    schedule.cron = std::move(wanted.cron);
    schedule.at = std::move(wanted.at);
    schedule.zone = std::move(wanted.zone);
    schedule.random_delay_ms = wanted.random_delay_ms;
    schedule.created_ms = clock_.now_ms();
    DAVENPORT_TRY(plan_first(schedule, schedule.created_ms));
    DAVENPORT_ASSIGN(const std::uint64_t present, store_.count_of(schedule.owner));
    if (present >= options_.max_per_owner)
        return fail(ErrorCode::too_large, "there are {} schedules already, and no more are allowed",
                    present);
    DAVENPORT_TRY(store_.create(document));
    changed();
    return std::move(document.schedule);
}

Result<Schedule> DurableScheduler::put(NewSchedule wanted) {
    DAVENPORT_TRY(check(wanted));
    Error last;
    for (int attempt = 0; attempt < 30; ++attempt) {
        auto document =
            store_.update(wanted.id, [&](ScheduleDocument& present) -> Result<documents::Edit> {
                Schedule& schedule = present.schedule;
                const bool same_times = schedule.cron == wanted.cron && schedule.at == wanted.at &&
                                        schedule.zone == wanted.zone &&
                                        schedule.random_delay_ms == wanted.random_delay_ms;
                if (same_times && schedule.owner == wanted.owner && schedule.kind == wanted.kind &&
                    schedule.parameters == wanted.parameters)
                    return documents::Edit::keep;
                schedule.owner = wanted.owner;
                schedule.kind = wanted.kind;
                schedule.parameters = wanted.parameters;
                if (!same_times) {
                    schedule.cron = wanted.cron;
                    schedule.at = wanted.at;
                    schedule.zone = wanted.zone;
                    schedule.random_delay_ms = wanted.random_delay_ms;
                    if (schedule.state == State::done) schedule.state = State::active;
                    if (schedule.state == State::active)
                        DAVENPORT_TRY(plan_changed(schedule, clock_.now_ms()));
                }
                return documents::Edit::write;
            });
        if (document) {
            changed();
            return std::move(document->schedule);
        }
        if (document.error().code != ErrorCode::not_found) return fail(document.error());
        auto created = create(wanted);
        if (created || created.error().code != ErrorCode::already_exists) return created;
        last = std::move(created).error();  // of another instance, just now
    }
    return fail(std::move(last));
}

Result<Schedule> DurableScheduler::get(std::string_view id) {
    DAVENPORT_ASSIGN(ScheduleDocument document, store_.read(id));
    return std::move(document.schedule);
}

Result<std::vector<Schedule>> DurableScheduler::list(const Filter& filter) {
    DAVENPORT_ASSIGN(auto documents, store_.of_owner(filter.owner, max_listed));
    std::vector<Schedule> schedules;
    for (ScheduleDocument& document : documents)
        if (filter.kind.empty() || document.schedule.kind == filter.kind)
            schedules.push_back(std::move(document.schedule));
    std::stable_sort(schedules.begin(), schedules.end(),
                     [](const auto& a, const auto& b) { return a.created_ms > b.created_ms; });
    if (schedules.size() > filter.limit) schedules.resize(filter.limit);
    return schedules;
}

Result<> DurableScheduler::remove(std::string_view id) {
    Error last;
    for (int attempt = 0; attempt < 30; ++attempt) {
        const auto document = store_.read(id);
        if (!document) {
            // The answer to a removal of ours may have been lost.
            if (attempt > 0 && document.error().code == ErrorCode::not_found) return {};
            return fail(document.error());
        }
        auto removed = store_.remove(*document);
        if (removed) return {};
        last = std::move(removed).error();
        if (last.code != ErrorCode::conflict && last.code != ErrorCode::not_found) break;
    }
    return fail(std::move(last));
}

Result<std::uint64_t> DurableScheduler::remove_all_of(std::string_view owner) {
    if (owner.empty())
        return fail(ErrorCode::invalid_argument, "the service's own schedules go one by one");
    std::uint64_t count = 0;
    while (true) {
        DAVENPORT_ASSIGN(const auto documents, store_.of_owner(std::string(owner), removal_page));
        if (documents.empty()) return count;
        for (const ScheduleDocument& document : documents) {
            const auto removed = remove(document.schedule.id);
            if (!removed && removed.error().code != ErrorCode::not_found)
                return fail(removed.error());
            ++count;
        }
    }
}

Result<Schedule> DurableScheduler::pause(std::string_view id) {
    DAVENPORT_ASSIGN(auto document,
                     store_.update(id, [](ScheduleDocument& present) -> Result<documents::Edit> {
                         Schedule& schedule = present.schedule;
                         if (schedule.state == State::done)
                             return fail(ErrorCode::invalid_argument,
                                         "the schedule {} has run at its one time", schedule.id);
                         if (schedule.state == State::paused) return documents::Edit::keep;
                         schedule.state = State::paused;
                         if (present.claim && present.claim->retry_ms != 0) present.claim.reset();
                         schedule.due_ms = schedule.next_run_ms = present.retry_ms = 0;
                         return documents::Edit::write;
                     }));
    return std::move(document.schedule);
}

Result<Schedule> DurableScheduler::resume(std::string_view id) {
    DAVENPORT_ASSIGN(auto document,
                     store_.update(id, [&](ScheduleDocument& present) -> Result<documents::Edit> {
                         Schedule& schedule = present.schedule;
                         if (schedule.state == State::done)
                             return fail(ErrorCode::invalid_argument,
                                         "the schedule {} has run at its one time", schedule.id);
                         if (schedule.state == State::active) return documents::Edit::keep;
                         schedule.state = State::active;
                         DAVENPORT_TRY(plan_first(schedule, clock_.now_ms()));
                         return documents::Edit::write;
                     }));
    changed();
    return std::move(document.schedule);
}

}  // namespace davenport::schedules
