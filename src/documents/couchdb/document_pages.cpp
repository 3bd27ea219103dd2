#include "document_pages.hpp"

#include "client_exchange.hpp"

#include <algorithm>

namespace davenport::documents::couchdb {
namespace {

constexpr std::uint64_t first_rows = 1'000;                   // of the first answer
constexpr std::uint64_t few_rows = 500, few_bytes = 1 << 20;  // nothing is read ahead before
constexpr std::uint64_t rows_of_patience = 200;  // read while the server looks for a page's end
constexpr std::uint64_t min_rows = 16, max_rows = 4'000;  // of a page
constexpr std::uint64_t page_bytes = 2 << 20;             // about
constexpr std::size_t hold_bytes = std::size_t{9} << 18;  // a page and a little more
constexpr std::size_t max_ahead = 3;
constexpr std::size_t max_search_bytes = std::size_t{1} << 20;

AllDocsFeed::Answers answers(bool paged) {
    AllDocsFeed::Answers answers;
    if (paged) answers.max_rows = first_rows;
    return answers;
}

}  // namespace

DocumentPages::DocumentPages(Place place, const AllDocsOptions& options)
    : place_(std::move(place)),
      options_(options),
      last_known_(options.descending || !options.bodies) {
    current_ = std::make_unique<AllDocsFeed>(place_, options_, answers(!last_known_));
}

std::uint64_t DocumentPages::rows_of_page() const {
    const bool enough_seen = page_rows_ >= min_rows || bytes_a_row_ == 0;
    const std::uint64_t bytes_a_row =
        enough_seen ? current_->bytes() / std::max<std::uint64_t>(page_rows_, 1) : bytes_a_row_;
    return std::clamp(page_bytes / std::max<std::uint64_t>(bytes_a_row, 1), min_rows, max_rows);
}

void DocumentPages::search(std::string begin, std::uint64_t rows) {
    PathQuery path(place_.path + "/_all_docs");
    path.add_json("startkey", begin);
    if (options_.end_id) {
        path.add_json("endkey", *options_.end_id);
        path.add("inclusive_end", options_.inclusive_end ? "true" : "false");
    }
    path.add("skip", std::to_string(rows)).add("limit", "1");
    search_.emplace(Search{std::move(begin), place_.client().begin(get_request(path.take()))});
    rows_at_search_ = rows_;
}

// nullopt = no document comes behind the page.
Result<std::optional<std::string>> DocumentPages::take_end() {
    DAVENPORT_ASSIGN(const auto exchange,
                     open_answer(std::move(search_->exchange), [&](const Answer& answer) {
                         return database_error(answer, place_, "the ids");
                     }));
    DAVENPORT_ASSIGN(const Answer answer, collect(*exchange, max_search_bytes));
    const auto object = parse_json_object(answer.body);
    const json::array* rows = object ? array_member(*object, "rows") : nullptr;
    if (rows == nullptr || rows->size() > 1)
        return fail(ErrorCode::corrupt, "the answer about ids is wrong");
    if (rows->empty()) return std::optional<std::string>();
    const json::object* row = rows->front().if_object();
    std::string id = row ? text_or(*row, "id") : std::string();
    if (id <= search_->begin)
        return fail(ErrorCode::corrupt, "document \"{}\" is listed behind \"{}\"", id,
                    search_->begin);
    return std::optional(std::move(id));
}

// Begins the page whose end was found, and the search for the next one's.
Result<> DocumentPages::end_search() {
    auto end = take_end();
    while (!end) {
        if (!worth_resuming(end.error()) || !patience_.wait()) return fail(end.error());
        search(std::move(search_->begin), rows_of_page());
        end = take_end();
    }
    patience_.progress();
    if (first_page_) {
        if (*end && **end <= last_id_) {  // the reader was faster
            search(last_id_, rows_of_page());
            return {};
        }
        if (*end) current_->stop_before(**end);
    } else {
        AllDocsOptions page = options_;
        page.start_id = std::move(search_->begin);
        if (*end) {
            page.end_id = **end;
            page.inclusive_end = false;
        }
        AllDocsFeed::Answers held;
        held.hold_bytes = hold_bytes;
        ahead_.push_back(std::make_unique<AllDocsFeed>(place_, std::move(page), held));
        ahead_.back()->begin();
    }
    first_page_ = false;
    search_.reset();
    if (*end)
        search(std::move(**end), rows_of_page());
    else
        last_known_ = true;
    return {};
}

Result<> DocumentPages::look_ahead() {
    if (last_known_ || (rows_ < few_rows && current_->bytes() < few_bytes && first_page_))
        return {};
    if (!search_) {
        // Where the first answer ends, or before.
        search(last_id_, std::min(rows_of_page(), first_rows - std::min(rows_, first_rows) + 1));
        return {};
    }
    const std::uint64_t patience = std::min(rows_of_patience, rows_of_page() / 2);
    if (ahead_.size() >= max_ahead || rows_ < rows_at_search_ + patience) return {};
    return end_search();
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
        while (ahead_.empty() && search_) DAVENPORT_TRY(end_search());
        if (ahead_.empty()) return nullptr;
        if (page_rows_ > 0) bytes_a_row_ = current_->bytes() / page_rows_;
        page_rows_ = 0;
        current_ = std::move(ahead_.front());
        ahead_.pop_front();
    }
}

}  // namespace davenport::documents::couchdb
