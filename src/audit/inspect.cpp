// Reading the whole log: verification and export; and keeping its head.
#include "davenport/base/file.hpp"
#include "line.hpp"
#include "stored_log.hpp"
#include "walk.hpp"

#include <spdlog/spdlog.h>

namespace davenport::audit {
namespace {

constexpr std::uint64_t longest_head = 64 << 10;

// nullopt when there is none.
Result<std::optional<std::string>> read_kept_head(const std::string& path) {
    auto text = read_file(path, longest_head);
    if (!text && text.error().code == ErrorCode::not_found) return std::optional<std::string>();
    if (!text) return fail(std::move(text).error());
    return std::optional(std::move(*text));
}

class StoredExport final : public Log::Export {
  public:
    StoredExport(Walk walk, Chain::End end, const std::string& log_id, const Clock& clock,
                 const SigningKey& key)
        : walk_(std::move(walk)), end_(std::move(end)), log_id_(log_id), clock_(clock), key_(key) {}

    Result<std::string> next() override {
        std::string text;
        while (!ended_ && text.size() < piece_bytes) {
            DAVENPORT_ASSIGN(const auto page, walk_.next());
            if (!page) {
                ended_ = true;
                // The last line that was really read, or nothing: a gap shows.
                const Head head{log_id_, end_.seq, end_.hash, {}};
                return text + write_head(head, clock_.now_ms(), key_) + "\n";
            }
            // What stands for a page that can't be read must not look like none.
            if (!page->fault.empty())
                text += davenport::to_text(json::object{{"fault", page->fault}}) + "\n";
            for (const std::string& line : page->lines) text += line + "\n";
        }
        return text;
    }

  private:
    static constexpr std::size_t piece_bytes = 64 * 1024;
    Walk walk_;
    const Chain::End end_;
    const std::string& log_id_;
    const Clock& clock_;
    const SigningKey& key_;
    bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<Log::Export>> StoredLog::export_all() {
    DAVENPORT_ASSIGN(Chain::End end, chain_.stored_end());
    DAVENPORT_ASSIGN(Walk walk, Walk::begin(pages_, end.seq));
    return std::unique_ptr<Export>(std::make_unique<StoredExport>(std::move(walk), std::move(end),
                                                                  options_.log_id, clock_, key_));
}

Result<Verification> StoredLog::verify(const std::function<bool()>& stopping) {
    // Before the end is looked for, which others move on.
    std::optional<std::string> kept;
    if (!options_.head_file.empty()) {
        DAVENPORT_ASSIGN(kept, read_kept_head(options_.head_file));
    }
    // The newest page may be the damaged one: then as far as there are pages.
    constexpr std::uint64_t no_end = 9'999'999'999'999'999;
    const auto end = chain_.stored_end();
    if (!end && end.error().code != ErrorCode::corrupt) return fail(end.error());
    DAVENPORT_ASSIGN(Walk walk, Walk::begin(pages_, end ? end->seq : no_end));
    DAVENPORT_ASSIGN(auto keys, known_keys());
    Verifier verifier(keys, options_.log_id);
    if (kept) {
        auto head = read_head(*kept, keys);
        if (head)
            verifier.expect(std::move(*head));
        else
            verifier.finding(0, fmt::format("the kept head in {}: {}", options_.head_file,
                                            head.error().message));
    }
    for (;;) {
        if (stopping && stopping()) return fail(ErrorCode::cancelled, "asked to stop");
        DAVENPORT_ASSIGN(const auto page, walk.next());
        if (!page) break;
        if (!page->fault.empty()) verifier.finding(page->first, page->fault);
        for (const std::string& line : page->lines) verifier.line(line);
    }
    Verification found = verifier.finish();
    if (found.lines == 0 && walk.trimmed().through > 0) {
        found.sound = false;
        ++found.findings_in_all;
        found.findings.push_back({0, "lines were removed for their age, and none are left"});
    }
    return found;
}

// An end that was cut off must stay visible: a head is only replaced by one that continues it.
Result<> StoredLog::check_kept_head(const Head& kept) {
    if (kept.seq == 0) return {};
    const auto broken = [&] {
        return fail(ErrorCode::corrupt,
                    "the log does not continue the head of {} in {}: lines were cut off or "
                    "exchanged, or the control database is an older copy",
                    kept.time, options_.head_file);
    };
    if (kept.log_id != options_.log_id)
        return fail(ErrorCode::corrupt,
                    "the head of {} in {} is of the log {}, and this is {}: another control "
                    "database. If that was changed on purpose, set the file aside",
                    kept.time, options_.head_file, kept.log_id, options_.log_id);
    DAVENPORT_ASSIGN(const Trimmed trimmed, pages_.trimmed());
    if (kept.seq <= trimmed.through) return {};
    DAVENPORT_ASSIGN(const Page page, list(kept.seq - 1, 1));
    if (page.lines.empty() || hash_of(page.lines.front()) != kept.hash) return broken();
    return {};
}

Result<> StoredLog::keep_head() {
    if (options_.head_file.empty()) return {};
    const std::lock_guard turn(head_mutex_);
    DAVENPORT_ASSIGN(const Chain::End end, chain_.stored_end());
    if (end.seq == head_kept_ || end.seq == 0) return {};
    DAVENPORT_ASSIGN(const auto kept, read_kept_head(options_.head_file));
    if (kept) {
        DAVENPORT_ASSIGN(const auto keys, known_keys());
        DAVENPORT_ASSIGN(const Head head, read_head(*kept, keys));
        DAVENPORT_TRY(check_kept_head(head));
    }
    const Head head{options_.log_id, end.seq, end.hash, {}};
    DAVENPORT_TRY(replace_file(options_.head_file, write_head(head, clock_.now_ms(), key_)));
    head_kept_ = end.seq;
    return {};
}

}  // namespace davenport::audit
