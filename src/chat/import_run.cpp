#include "import_run.hpp"

#include "davenport/base/random.hpp"
#include "davenport/chat/password.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

namespace davenport::chat {
namespace {

using std::chrono::steady_clock;

// Who comes in between is done, or given up, long before that.
constexpr std::chrono::seconds patience{60};
constexpr std::chrono::milliseconds pause{500};
constexpr std::size_t hashing_threads = 2;
constexpr std::size_t passwords_a_report = 8;

std::vector<std::string> claims_of(const std::vector<NewRow>& rows) {
    std::vector<std::string> claims;
    for (const NewRow& row : rows)
        claims.insert(claims.end(), row.claims.begin(), row.claims.end());
    return claims;
}

std::string password_of(const json::value& row) {
    const json::object* object = row.if_object();
    return object == nullptr ? std::string() : text_or(*object, "Password");
}

}  // namespace

void ImportCheck::each(const std::function<void(ImportFields&)>& look) const {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (const json::object* object = rows[i].if_object()) {
            ImportFields fields(*object, i, faults);
            look(fields);
        } else {
            faults.add(i, "", fmt::format("it must be an object, not {}", name_of_type(rows[i])));
        }
    }
}

Result<> ImportCheck::refuse_taken(Kind kind, std::string_view field,
                                   const std::vector<std::string>& claims,
                                   const std::function<std::string(std::size_t row)>& shown) const {
    if (taken == Taken::leave) return {};
    std::vector<std::string> asked;
    std::vector<std::size_t> askers;
    for (std::size_t i = 0; i < claims.size(); ++i) {
        if (claims[i].empty() || faults.has(i)) continue;
        asked.push_back(claims[i]);
        askers.push_back(i);
    }
    DAVENPORT_ASSIGN(const auto holders, ledger.holders(kind, asked));
    for (std::size_t i = 0; i < askers.size(); ++i)
        if (holders[i] != 0)
            faults.add(askers[i], field, fmt::format("{} exists already", shown(askers[i])));
    return {};
}

Result<> KnownRows::look_up(Ledger& ledger, Kind kind, std::string (*claim)(std::string_view)) {
    std::vector<std::string> claims;
    claims.reserve(numbers_.size());
    for (const auto& [text, number] : numbers_) claims.push_back(claim(text));
    DAVENPORT_ASSIGN(const auto holders, ledger.holders(kind, claims));
    std::size_t next = 0;
    for (auto& [text, number] : numbers_) number = holders[next++];
    return {};
}

std::uint64_t KnownRows::number(const std::string& text) const {
    const auto found = numbers_.find(text);
    return found == numbers_.end() ? 0 : found->second;
}

Result<std::vector<NewRow>> ImportRun::check(ImportCheck::Taken taken) {
    faults_ = ImportFaults(rows_);
    const ImportCheck check{rows_, ledger_, faults_, clock_.now_ms() / 1000, taken};
    switch (resource_) {
        case Resource::users:
            return check_users(check, hashes_);
        case Resource::rooms:
            return check_rooms(check);
        case Resource::comments:
            break;
    }
    return check_comments(check);
}

// A hash takes a while on purpose, so two threads share the work.
Result<> ImportRun::hash_passwords(const Report& report) {
    hashes_->assign(rows_.size(), {});
    std::atomic<std::size_t> next{0};
    std::atomic<bool> stop{false};
    std::array<Result<>, hashing_threads> outcomes;
    const auto work = [&](std::size_t thread) {
        for (std::size_t hashed = 0; !stop;) {
            const std::size_t i = next++;
            if (i >= rows_.size()) return;
            const std::string password = password_of(rows_[i]);
            if (password.empty()) continue;
            auto hash = hash_password(password);
            if (hash) (*hashes_)[i] = std::move(*hash);
            if (!hash) outcomes[thread] = fail(std::move(hash).error());
            // The first thread is the job's own.
            else if (thread == 0 && ++hashed % passwords_a_report == 0)
                outcomes[thread] = report(std::min(next.load(), rows_.size()), rows_.size());
            if (!outcomes[thread]) stop = true;
        }
    };
    {
        std::jthread second;
        try {
            second = std::jthread([&] {
                try {
                    work(1);
                } catch (const std::exception& e) {
                    outcomes[1] = fail(ErrorCode::unavailable, "hashing failed: {}", e.what());
                    stop = true;
                }
            });
        } catch (const std::system_error&) {
            // No thread to be had: one does it all.
        }
        work(0);
    }
    for (auto& outcome : outcomes)
        if (!outcome) return outcome;
    return {};
}

Result<std::uint64_t> ImportRun::run(const Report& report, const Note& note) {
    const auto deadline = steady_clock::now() + patience;
    auto taken = ImportCheck::Taken::leave;
    while (true) {
        DAVENPORT_ASSIGN(const std::vector<NewRow> rows, check(taken));
        if (!faults_.none() && taken == ImportCheck::Taken::leave) {
            taken = ImportCheck::Taken::look;  // to tell of all faults
            continue;
        }
        if (!faults_.none()) return fail(ErrorCode::invalid_argument, "{}", faults_.message());
        if (rows.empty()) return 0;
        if (resource_ == Resource::users && hashes_->empty()) DAVENPORT_TRY(hash_passwords(report));

        if (former_) {
            DAVENPORT_TRY(ledger_.undo(*former_, claims_of(rows)));
            former_.reset();
        }
        Ledger::Writing writing{kind_of(resource_), 0, rows.size(), random_token(20)};
        Ledger::Steps steps;
        steps.begin = [&](std::uint64_t first) {
            writing.first = first;
            return note(writing);
        };
        steps.written = [&](std::uint64_t done) -> Result<> {
            // What is whole stays.
            if (done == rows.size()) return {};
            return report(done, rows.size());
        };
        const auto written = ledger_.create_all(rows, writing.mark, steps);
        if (written) return rows.size();
        // Something is taken, or somebody came in between: what is to be said about it, the next
        // check knows.
        const ErrorCode code = written.error().code;
        if ((code != ErrorCode::conflict && code != ErrorCode::already_exists) ||
            steady_clock::now() > deadline)
            return fail(written.error());
        DAVENPORT_TRY(report(0, rows.size()));
        taken = ImportCheck::Taken::look;
        if (code == ErrorCode::conflict) std::this_thread::sleep_for(pause);
    }
}

}  // namespace davenport::chat
