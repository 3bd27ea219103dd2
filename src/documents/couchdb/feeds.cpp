#include "feeds.hpp"

#include <algorithm>
#include <charconv>

namespace davenport::documents::couchdb {
namespace {

constexpr std::string_view misplaced_row = "misplaced";

// No id is empty, and not every server takes an empty one for a key.
AllDocsOptions without_empty_keys(AllDocsOptions options) {
    auto& low = options.descending ? options.end_id : options.start_id;
    if (low && low->empty()) low.reset();
    return options;
}

bool selects_nothing(const AllDocsOptions& options) {
    const auto& high = options.descending ? options.start_id : options.end_id;
    if (high && high->empty()) return true;
    if (!options.start_id || !options.end_id) return false;
    const bool reversed = options.descending ? *options.start_id < *options.end_id
                                             : *options.end_id < *options.start_id;
    return reversed || (*options.start_id == *options.end_id && !options.inclusive_end);
}

bool is_beginning(std::string_view sequence) {
    return sequence.empty() || sequence == "0";
}

std::string_view flag(bool value) {
    return value ? "true" : "false";
}

}  // namespace

AllDocsFeed::AllDocsFeed(Place place, AllDocsOptions options, Answers answers)
    : place_(std::move(place)),
      options_(without_empty_keys(std::move(options))),
      answers_(answers),
      ended_(selects_nothing(options_)) {}

std::unique_ptr<Exchange> AllDocsFeed::ask() {
    PathQuery path(place_.path + "/_all_docs");
    path.add("include_docs", flag(options_.bodies));
    if (options_.descending) path.add("descending", "true");
    // From the last row, not behind it: that document may be gone by now, and what follows it must
    // not be taken for it.
    const auto& start = last_id_ ? last_id_ : options_.start_id;
    if (start) path.add_json("startkey", *start);
    const auto& end = stop_ ? stop_ : options_.end_id;
    if (end) {
        path.add_json("endkey", *end);
        path.add("inclusive_end", flag(!stop_ && options_.inclusive_end));
    }
    asked_ = answers_.max_rows;
    // Asked again, the last row comes once more.
    if (options_.limit > 0) asked_ = options_.limit - shown_ + (last_id_ ? 1 : 0);
    if (asked_ > 0) path.add("limit", std::to_string(asked_));
    Request request = get_request(path.take());
    request.hold_bytes = answers_.hold_bytes;
    return place_.client().begin(std::move(request));
}

void AllDocsFeed::begin() {
    if (!ended_) begun_ = ask();
}

Result<> AllDocsFeed::open() {
    if (ended_) return {};
    if (!begun_) begun_ = ask();
    DAVENPORT_ASSIGN(auto exchange, open_answer(std::move(begun_), [&](const Answer& answer) {
                         return database_error(answer, place_, "the documents");
                     }));
    rows_.emplace(std::move(exchange), "rows", place_.server->max_document_bytes());
    rows_in_answer_ = 0;
    return {};
}

// Whether the row is where rows of this answer belong. Where one is not, others may be missing, and
// nothing is to be learnt by asking again.
Result<> AllDocsFeed::check_place() const {
    const auto follows = [&](const std::string& a, const std::string& b) {
        return options_.descending ? a < b : a > b;
    };
    const auto misplaced = [](std::string message) {
        return fail(Error{ErrorCode::corrupt, std::move(message), std::string(misplaced_row)});
    };
    if (last_id_ && !follows(row_.id, *last_id_))
        return misplaced(fmt::format("document \"{}\" comes after \"{}\"", row_.id, *last_id_));
    const auto& start = options_.start_id;
    const auto& end = options_.end_id;
    if ((start && follows(*start, row_.id)) || (end && follows(row_.id, *end)) ||
        (end && row_.id == *end && !options_.inclusive_end))
        return misplaced(fmt::format("document \"{}\" is none of those asked for", row_.id));
    return {};
}

Result<bool> AllDocsFeed::read_row() {
    if (!rows_) DAVENPORT_TRY(open());
    while (true) {
        DAVENPORT_ASSIGN(const auto text, rows_->next());
        if (!text) return false;
        ++rows_in_answer_;
        DAVENPORT_TRY(reader_.read_row(*text, row_));
        if (!row_.error.empty())
            return fail(ErrorCode::unavailable, "document \"{}\" can't be read: {}", row_.id,
                        row_.error);
        if (rows_in_answer_ == 1 && row_.id == last_id_) continue;
        DAVENPORT_TRY(check_place());
        bytes_ += text->size();
        return true;
    }
}

// After an answer's proper end: whether it ended only because it may hold no more.
bool AllDocsFeed::more_to_ask() const {
    const bool wanted = options_.limit == 0 || shown_ < options_.limit;
    return wanted && asked_ > 0 && rows_in_answer_ >= asked_;
}

Result<const Row*> AllDocsFeed::next() {
    while (!ended_) {
        auto read = read_row();
        if (!read) {
            rows_.reset();
            if (options_.limit > 0 && shown_ == options_.limit) break;
            const bool resumable =
                worth_resuming(read.error()) && read.error().detail != misplaced_row;
            if (!resumable || !patience_.wait()) return fail(read.error());
            continue;
        }
        if (!*read && more_to_ask()) {
            rows_.reset();
            continue;
        }
        if (!*read || (stop_ && row_.id >= *stop_)) {
            ended_ = true;
            rows_.reset();
            break;
        }
        patience_.progress();
        last_id_ = row_.id;
        if (row_.deleted) continue;
        ++shown_;
        return &row_;
    }
    return nullptr;
}

ChangesFeed::ChangesFeed(Place place, ChangesOptions options)
    : place_(std::move(place)),
      options_(std::move(options)),
      reached_(is_beginning(options_.since) ? "0" : options_.since) {}

Result<> ChangesFeed::open() {
    PathQuery path(place_.path + "/_changes");
    path.add("feed", "normal");
    path.add("style", options_.all_leaves ? "all_docs" : "main_only");
    if (options_.bodies) path.add("include_docs", "true");
    if (options_.descending) path.add("descending", "true");
    if (!is_beginning(reached_) && !options_.descending) path.add("since", reached_);
    DAVENPORT_ASSIGN(
        auto exchange,
        open_answer(place_.client(), get_request(path.take()), [&](const Answer& answer) {
            return database_error(answer, place_, "the changes");
        }));
    rows_.emplace(std::move(exchange), "results", place_.server->max_document_bytes());
    return {};
}

Result<bool> ChangesFeed::read_row() {
    if (!rows_) DAVENPORT_TRY(open());
    DAVENPORT_ASSIGN(const auto text, rows_->next());
    if (!text) {
        const std::string_view last = rows_->member("last_seq");
        if (last.empty()) return fail(ErrorCode::corrupt, "the changes end without \"last_seq\"");
        if (!options_.descending) reached_ = sequence_text(last);
        return false;
    }
    DAVENPORT_TRY(reader_.read_row(*text, row_));
    if (!row_.error.empty())
        return fail(ErrorCode::unavailable, "document \"{}\" can't be read: {}", row_.id,
                    row_.error);
    if (row_.sequence.empty() || row_.leaves.empty())
        return fail(ErrorCode::corrupt, "the change of document \"{}\" is malformed", row_.id);
    // Some servers give rows without a sequence of their own ("seq": null) between others.
    if (row_.sequence != "null" && !options_.descending) reached_ = row_.sequence;
    return true;
}

Result<const Row*> ChangesFeed::next() {
    while (!ended_) {
        auto read = read_row();
        if (read && *read) {
            patience_.progress();
            any_ = true;
            return &row_;
        }
        if (read) {
            ended_ = true;
            break;
        }
        rows_.reset();
        // Backwards there is no going on from a row.
        const bool resumable = worth_resuming(read.error()) && !(options_.descending && any_);
        if (!resumable || !patience_.wait()) return fail(read.error());
    }
    return nullptr;
}

std::uint64_t sequence_number(std::string_view sequence) {
    std::uint64_t number = 0;
    std::from_chars(sequence.data(), sequence.data() + sequence.size(), number);
    return number;
}

bool is_sequence(std::string_view since, std::string_view current) {
    if (is_beginning(since)) return true;
    const std::size_t digits = std::min(since.find_first_not_of("0123456789"), since.size());
    if (digits == 0 || digits > 19) return false;
    const bool opaque = current.find('-') != std::string_view::npos;
    return opaque ? digits + 1 < since.size() && since[digits] == '-' : digits == since.size();
}

}  // namespace davenport::documents::couchdb
