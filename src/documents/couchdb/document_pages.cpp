#include "document_pages.hpp"

#include <algorithm>

namespace davenport::documents::couchdb {
namespace {

constexpr std::uint64_t first_rows = 1'000;                   // of the first answer
constexpr std::uint64_t few_rows = 500, few_bytes = 1 << 20;  // nothing is read ahead before
constexpr std::uint64_t rows_of_patience = 100;  // read while the server looks for a page's end
constexpr std::uint64_t min_rows = 16, max_rows = 4'000;  // of a page
constexpr std::uint64_t page_bytes = 2 << 20;             // about
constexpr std::size_t hold_bytes = std::size_t{9} << 18;  // a page and a little more
constexpr std::size_t max_ahead = 3;

AllDocsFeed::Answers answers(bool paged) {
    AllDocsFeed::Answers answers;
    if (paged) answers.max_rows = first_rows;
    return answers;
}

}  // namespace

DocumentPages::DocumentPages(Place place, const AllDocsOptions& options)
    : place_(std::move(place)),
      options_(options),
      ends_(place_, options_),
      last_known_(options.descending || !options.bodies || options.limit > 0) {
    current_ = std::make_unique<AllDocsFeed>(place_, options_, answers(!last_known_));
}

std::uint64_t DocumentPages::rows_of_page() const {
    const bool enough_seen = page_rows_ >= min_rows || bytes_a_row_ == 0;
    const std::uint64_t bytes_a_row =
        enough_seen ? current_->bytes() / std::max<std::uint64_t>(page_rows_, 1) : bytes_a_row_;
    return std::clamp(page_bytes / std::max<std::uint64_t>(bytes_a_row, 1), min_rows, max_rows);
}

void DocumentPages::look(std::string begin, std::uint64_t rows) {
    ends_.look(std::move(begin), rows);
    rows_then_ = rows_;
}

void DocumentPages::begin_page(const std::string& begin, const std::optional<std::string>& end) {
    AllDocsOptions page = options_;
    page.start_id = begin;
    if (end) {
        page.end_id = end;
        page.inclusive_end = false;
    }
    AllDocsFeed::Answers held;
    held.hold_bytes = hold_bytes;
    ahead_.push_back(std::make_unique<AllDocsFeed>(place_, std::move(page), held));
    ahead_.back()->begin();
    ++pages_;
}

// Takes an answer about the page's end; where that is the end, begins the page and looks for the
// next one's.
Result<> DocumentPages::take_end() {
    auto found = ends_.take();
    if (!found) {
        if (!worth_resuming(found.error()) || !patience_.wait()) return fail(found.error());
        look(ends_.begin(), rows_of_page());
        return {};
    }
    patience_.progress();
    rows_then_ = rows_;
    if (!*found) return {};
    std::optional<std::string> end = std::move((*found)->end);
    if (end && options_.end_id && *end > *options_.end_id) end.reset();
    if (first_page_ && end && *end <= last_id_) {  // the reader was faster
        look(last_id_, rows_of_page());
        return {};
    }
    if (!first_page_)
        begin_page(ends_.begin(), end);
    else if (end)
        current_->stop_before(*end);
    first_page_ = false;
    if (end)
        look(*end, pages_ < max_ahead ? std::min(rows_of_page(), few_rows) : rows_of_page());
    else
        last_known_ = true;
    return {};
}

Result<> DocumentPages::look_ahead() {
    const bool little = rows_ < few_rows && current_->bytes() < few_bytes;
    if (last_known_ || (first_page_ && little)) return {};
    if (!ends_.looking()) {
        // Where the first answer ends, or before.
        look(last_id_, std::min(rows_of_page(), first_rows - std::min(rows_, first_rows) + 1));
        return {};
    }
    const std::uint64_t patience = std::min(rows_of_patience, rows_of_page() / 2);
    if (ahead_.size() >= max_ahead || rows_ < rows_then_ + patience) return {};
    return take_end();
}

Result<const Row*> DocumentPages::next() {
    while (true) {
        DAVENPORT_TRY(look_ahead());
        DAVENPORT_ASSIGN(const Row* row, current_->next());
        if (row != nullptr) {
            ++rows_;
            ++page_rows_;
            if (!last_known_) last_id_ = row->id;
            return row;
        }
        while (ahead_.empty() && ends_.looking()) DAVENPORT_TRY(take_end());
        if (ahead_.empty()) return nullptr;
        if (page_rows_ > 0) bytes_a_row_ = current_->bytes() / page_rows_;
        page_rows_ = 0;
        current_ = std::move(ahead_.front());
        ahead_.pop_front();
    }
}

}  // namespace davenport::documents::couchdb
