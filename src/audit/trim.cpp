// Removing old lines. First a line says what goes, then the first line that stays is noted, then
// the pages go, oldest first: a trim that was interrupted is finished by the next one.
#include "davenport/base/clock.hpp"
#include "davenport/base/json.hpp"
#include "line.hpp"
#include "stored_log.hpp"
#include "walk.hpp"

namespace davenport::audit {
namespace {

constexpr std::uint64_t pages_at_once = 100;

// nullopt for a line that can't be read: it stays, for all to see.
std::optional<std::int64_t> time_of(const std::string& line) {
    const auto object = parse_json_object(line);
    if (!object) return std::nullopt;
    const auto time = parse_rfc3339(text_or(*object, "time"));
    if (!time) return std::nullopt;
    return *time;
}

}  // namespace

// The last line that is old, and all before it are, too; 0 = none.
Result<Trimmed> StoredLog::find_old(std::uint64_t last) {
    const Clock& clock = options_.keep_clock ? *options_.keep_clock : clock_;
    const std::int64_t oldest = clock.now_ms() - options_.keep_ms;
    Trimmed old;
    DAVENPORT_ASSIGN(Walk walk, Walk::begin(pages_, last));
    for (;;) {
        DAVENPORT_ASSIGN(const auto page, walk.next());
        if (!page || !page->fault.empty() || page->next() + options_.keep_lines > last + 1)
            return old;
        const auto time = time_of(page->lines.back());
        if (!time || *time >= oldest) return old;
        old = {page->next() - 1, hash_of(page->lines.back())};
    }
}

Result<std::uint64_t> StoredLog::remove_through(std::uint64_t through) {
    std::uint64_t removed = 0;
    for (;;) {
        DAVENPORT_ASSIGN(const auto pages, pages_.from(1, pages_at_once));
        std::vector<std::uint64_t> firsts;
        for (const StoredPage& page : pages)
            if (page.first <= through) {
                firsts.push_back(page.first);
                removed += page.lines.size();
            }
        if (firsts.empty()) return removed;
        DAVENPORT_TRY(pages_.remove(firsts));
    }
}

Result<std::uint64_t> StoredLog::trim() {
    if (options_.keep_ms == 0) return std::uint64_t{0};
    DAVENPORT_ASSIGN(const Trimmed before, pages_.trimmed());
    DAVENPORT_ASSIGN(const Chain::End end, chain_.stored_end());
    DAVENPORT_ASSIGN(const Trimmed old, find_old(end.seq));
    if (old.through == 0) {
        if (before.through == 0) return std::uint64_t{0};
        return remove_through(before.through);
    }
    Event event;
    event.action = std::string(action::trim);
    event.who.kind = "service";
    event.details = {{std::string(removed_through), std::to_string(old.through)},
                     {std::string(removed_hash), old.hash}};
    DAVENPORT_TRY(record(event));
    DAVENPORT_TRY(pages_.set_trimmed(old));
    return remove_through(old.through);
}

}  // namespace davenport::audit
