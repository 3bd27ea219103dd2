#include "page_ends.hpp"

#include "client_exchange.hpp"

#include <algorithm>
#include <utility>

namespace davenport::documents::couchdb {
namespace {

constexpr std::uint64_t few_rows = 512;  // skipped about as fast as ranks are looked up
constexpr int max_tries = 64;
constexpr std::size_t max_answer_bytes = std::size_t{1} << 20;

// Printable ASCII as digits; everything else is next to it.
constexpr std::uint64_t base = 96;
constexpr std::size_t digits = 9;  // base^9 < 2^63

std::uint64_t number_of(std::string_view text) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        const auto c = i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
        number = number * base + (std::clamp(c, 0x20u, 0x7fu) - 0x20);
    }
    return number;
}

// A text about in the middle between two; empty where none is found.
std::string middle_of(std::string_view low, std::string_view high) {
    auto same = static_cast<std::size_t>(
        std::mismatch(low.begin(), low.end(), high.begin(), high.end()).first - low.begin());
    // Not within a character.
    while (same > 0 && same < high.size() &&
           (static_cast<unsigned char>(high[same]) & 0xc0) == 0x80)
        --same;
    const std::uint64_t from = number_of(low.substr(same)), to = number_of(high.substr(same));
    if (from + 1 >= to) return {};
    std::string text(low.substr(0, same));
    text.resize(same + digits);
    std::uint64_t number = from + (to - from) / 2;
    for (std::size_t i = digits; i-- > 0; number /= base)
        text[same + i] = static_cast<char>(0x20 + number % base);
    text.resize(text.find_last_not_of(' ') + 1);
    return text;
}

std::optional<std::uint64_t> number(const json::object& object, std::string_view key) {
    const auto value = integer_member(object, key);
    if (!value || *value < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*value);
}

}  // namespace

void PageEnds::ask(Question question, PathQuery path) {
    path.add("limit", "1");
    question_ = question;
    exchange_ = place_.client().begin(get_request(path.take()));
}

void PageEnds::ask_last() {
    PathQuery path(place_.path + "/_all_docs");
    path.add("descending", "true");
    if (options_.end_id) path.add_json("startkey", *options_.end_id);
    ask(Question::last, std::move(path));
}

void PageEnds::ask_rank(Question question, const std::string& key) {
    PathQuery path(place_.path + "/_all_docs");
    path.add_json("startkey", key);
    ask(question, std::move(path));
}

void PageEnds::ask_skip() {
    PathQuery path(place_.path + "/_all_docs");
    path.add_json("startkey", begin_);
    if (options_.end_id) {
        path.add_json("endkey", *options_.end_id);
        path.add("inclusive_end", options_.inclusive_end ? "true" : "false");
    }
    path.add("skip", std::to_string(rows_));
    ask(Question::skip, std::move(path));
}

void PageEnds::look(std::string begin, std::uint64_t rows) {
    begin_ = std::move(begin);
    rows_ = rows;
    tries_ = 0;
    found_.reset();
    if (!ranks_ || rows_ <= few_rows) return ask_skip();
    if (known_.empty()) return ask_last();
    if (!last_found_ || last_found_->key != begin_)
        return ask_rank(Question::rank_of_begin, begin_);
    begin_rank_ = last_found_->rank;
    low_ = *last_found_;
    found_ = try_on();
}

// Goes on between the points that are known.
std::optional<PageEnds::Found> PageEnds::try_on() {
    while (!known_.empty()) {
        const Point& next = known_.back();
        if (next.key <= low_.key) {
            known_.pop_back();
            continue;
        }
        const std::uint64_t rows = next.rank - std::min(next.rank, begin_rank_);
        if (rows > rows_) {
            middle_ = middle_of(low_.key, next.key);
            if (middle_.empty()) break;
            if (++tries_ > max_tries) {
                ranks_ = false;
                break;
            }
            ask_rank(Question::rank_of_middle, middle_);
            return std::nullopt;
        }
        if (rows > rows_ / 4) {
            last_found_ = next;
            return Found{next.key};
        }
        low_ = next;
        known_.pop_back();
    }
    ask_skip();  // too near the end
    return std::nullopt;
}

Result<PageEnds::Reply> PageEnds::take_reply() {
    DAVENPORT_ASSIGN(const auto exchange,
                     open_answer(std::move(exchange_), [&](const Answer& answer) {
                         return database_error(answer, place_, "the ids");
                     }));
    DAVENPORT_ASSIGN(const Answer answer, collect(*exchange, max_answer_bytes));
    const auto object = parse_json_object(answer.body);
    const json::array* rows = object ? array_member(*object, "rows") : nullptr;
    if (rows == nullptr || rows->size() > 1)
        return fail(ErrorCode::corrupt, "the answer about ids is wrong");
    Reply reply{{}, number(*object, "offset"), number(*object, "total_rows")};
    if (rows->empty()) return reply;
    if (const json::object* row = rows->front().if_object()) reply.id = text_or(*row, "id");
    if (reply.id.empty()) return fail(ErrorCode::corrupt, "an answer about ids names none");
    return reply;
}

Result<std::optional<PageEnds::Found>> PageEnds::take() {
    if (found_) return std::exchange(found_, std::nullopt);
    DAVENPORT_ASSIGN(Reply reply, take_reply());
    const auto misplaced = [&] {
        return fail(ErrorCode::corrupt, "document \"{}\" is listed behind \"{}\"", reply.id,
                    begin_);
    };
    switch (question_) {
        case Question::last:
            if (reply.id.empty() || !reply.offset || !reply.total ||
                *reply.offset >= *reply.total) {
                ranks_ = false;
                ask_skip();
                break;
            }
            known_.push_back({std::move(reply.id), *reply.total - 1 - *reply.offset});
            ask_rank(Question::rank_of_begin, begin_);
            break;
        case Question::rank_of_begin:
            // Some servers say that everything is first.
            if (!reply.offset || *reply.offset == 0) {
                ranks_ = false;
                ask_skip();
                break;
            }
            begin_rank_ = *reply.offset;
            low_ = {begin_, begin_rank_};
            return try_on();
        case Question::rank_of_middle: {
            if (!reply.id.empty() && reply.id < middle_) return misplaced();
            if (!reply.offset) {
                ranks_ = false;
                ask_skip();
                break;
            }
            const bool behind = reply.id.empty() || *reply.offset > begin_rank_ + rows_;
            known_.push_back({behind ? middle_ : std::move(reply.id), *reply.offset});
            return try_on();
        }
        case Question::skip:
            if (reply.id.empty()) return std::optional(Found{});
            if (reply.id <= begin_) return misplaced();
            return std::optional(Found{std::move(reply.id)});
    }
    return std::optional<Found>();
}

}  // namespace davenport::documents::couchdb
