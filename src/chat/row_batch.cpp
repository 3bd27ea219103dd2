#include "row_batch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>
#include <thread>

namespace davenport::chat {
namespace {

using documents::Atomicity;
using documents::DocumentWrite;
using documents::WriteMode;
using documents::WriteOutcome;

// A claim whose row has not come for so long was left by a writer that is gone.
constexpr std::int64_t unfinished_secs = 10;
constexpr int max_attempts = 2'000;  // with pauses: for longer than claims are waited for
constexpr std::size_t rows_a_step = 500;

// Texts of documents, and the writes that point to them.
class Texts {
  public:
    void add(std::string id, std::string revision, std::string body, std::string_view type) {
        texts_.push_back({std::move(id), std::move(revision), std::move(body), type});
    }
    std::vector<DocumentWrite> writes() const {
        std::vector<DocumentWrite> writes;
        writes.reserve(texts_.size());
        for (const Text& text : texts_) {
            DocumentWrite& write = writes.emplace_back();
            write.id = text.id;
            write.revision = text.revision;
            write.body = text.body;
            write.type = text.type;
        }
        return writes;
    }
    // For writes of which all stand or none: in the order in which a store keeps them.
    std::vector<DocumentWrite> sorted_writes() const {
        std::vector<DocumentWrite> writes = this->writes();
        std::sort(writes.begin(), writes.end(),
                  [](const DocumentWrite& a, const DocumentWrite& b) { return a.id < b.id; });
        return writes;
    }

  private:
    struct Text {
        std::string id, revision, body;
        std::string_view type;
    };
    std::deque<Text> texts_;
};

void add_claims(Texts& texts, const RowBatch::Item& item, std::int64_t now, std::string_view mark) {
    for (std::size_t i = 0; i < item.row->claims.size(); ++i)
        texts.add(item.row->claims[i], item.revisions[i],
                  claim_body(item.row->kind, item.number, now, mark), "chat_claim");
}

void add_row(Texts& texts, const RowBatch::Item& item) {
    const json::object body = item.row->body(item.number);
    texts.add(row_id(item.row->kind, item.number), {}, davenport::to_text(body),
              type_name(item.row->kind));
}

tl::unexpected<Error> taken(const std::string& claim) {
    return fail(Error{ErrorCode::already_exists, "it is taken already", claim});
}

}  // namespace

void RowBatch::write(std::vector<Item>& items) {
    for (int attempts = 0;; ++attempts) {
        Items open;
        for (Item& item : items)
            if (!item.outcome) open.push_back(&item);
        if (open.empty()) return;
        auto again = attempt(open);
        if (again && attempts == max_attempts)
            again = fail(ErrorCode::unavailable, "others write too much at the same time");
        if (!again) {
            for (Item* item : open)
                if (!item->outcome) item->outcome = fail(again.error());
            return;
        }
        if (*again && attempts > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

Result<bool> RowBatch::attempt(const Items& open) {
    Items ready;
    std::set<std::string_view> claimed_here;
    bool again = false;
    DAVENPORT_ASSIGN(const std::vector<Claims> looked, look_at_claims(open));
    for (std::size_t i = 0; i < open.size(); ++i) {
        Item* const item = open[i];
        const Claims claims = looked[i];
        if (claims == Claims::held) continue;  // it has its outcome
        // Of two rows with one claim the first is written now; the other one finds it next time.
        const bool first =
            std::none_of(item->row->claims.begin(), item->row->claims.end(),
                         [&](const std::string& claim) { return claimed_here.contains(claim); });
        if (claims == Claims::awaited || !first) {
            again = true;
            continue;
        }
        claimed_here.insert(item->row->claims.begin(), item->row->claims.end());
        ready.push_back(item);
    }
    if (ready.empty()) return again;
    DAVENPORT_TRY(give_numbers(ready));
    if (ledger_.in_steps()) {
        DAVENPORT_TRY(write_claims(ready));
        DAVENPORT_TRY(write_rows(ready));
    } else {
        const auto written = write_at_once(ready);
        // That there are no transactions is news: claims without rows are to be looked at again.
        if (!written && written.error().code == ErrorCode::unsupported) return true;
        if (!written && written.error().code != ErrorCode::conflict) return fail(written.error());
    }
    return again ||
           std::any_of(ready.begin(), ready.end(), [](Item* item) { return !item->outcome; });
}

Result<std::vector<RowBatch::Claims>> RowBatch::look_at_claims(const Items& items) {
    std::map<Kind, std::vector<std::string>> asked;
    for (const Item* item : items) {
        auto& claims = asked[item->row->kind];
        claims.insert(claims.end(), item->row->claims.begin(), item->row->claims.end());
    }
    std::map<Kind, std::vector<ClaimState>> states;
    for (const auto& [kind, claims] : asked) {
        DAVENPORT_ASSIGN(states[kind], read_claims(ledger_.database(), kind, claims));
    }
    std::map<Kind, std::size_t> next;
    std::vector<Claims> looked;
    looked.reserve(items.size());
    for (Item* item : items) {
        const Kind kind = item->row->kind;
        const std::size_t count = item->row->claims.size();
        looked.push_back(look_at(*item, std::span(states[kind]).subspan(next[kind], count)));
        next[kind] += count;
    }
    return looked;
}

RowBatch::Claims RowBatch::look_at(Item& item, std::span<ClaimState> states) {
    item.revisions.assign(states.size(), {});
    item.own.resize(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
        ClaimState& state = states[i];
        const bool ours = !state.revision.empty() && state.revision == item.own[i];
        if (state.holder != 0 && ours) {
            // It was written, and the answer that said so was lost.
            item.outcome = CreatedRow{item.number, item.before};
            return Claims::held;
        }
        if (state.holder != 0) {
            item.outcome = taken(item.row->claims[i]);
            return Claims::held;
        }
        // One from the future was taken before a clock was set back.
        if (!state.revision.empty() && !ours && ledger_.in_steps() &&
            std::abs(now() - state.taken) < unfinished_secs)
            return Claims::awaited;
        item.revisions[i] = std::move(state.revision);
    }
    return Claims::free;
}

Result<> RowBatch::give_numbers(const Items& items) {
    std::map<Kind, std::uint64_t> last;
    std::map<std::uint64_t, std::uint64_t> newest;  // by room
    for (Item* item : items) {
        const Kind kind = item->row->kind;
        if (!last.contains(kind)) {
            DAVENPORT_ASSIGN(last[kind], ledger_.last_number(kind));
        }
        item->number = ++last[kind];
        const std::uint64_t room = item->row->room;
        if (room == 0) continue;
        if (!newest.contains(room)) {
            DAVENPORT_ASSIGN(newest[room], ledger_.last_comment(room));
        }
        item->before = std::exchange(newest[room], item->number);
    }
    return {};
}

Result<> RowBatch::write_at_once(const Items& items) {
    Texts texts;
    for (const Item* item : items) {
        add_claims(texts, *item, now(), mark_);
        add_row(texts, *item);
    }
    auto outcomes =
        ledger_.database().write(texts.sorted_writes(), WriteMode::interactive, Atomicity::all);
    if (!outcomes && outcomes.error().code == ErrorCode::unsupported) ledger_.set_in_steps();
    if (!outcomes) return fail(std::move(outcomes).error());
    if (!outcomes->empty() && outcomes->front().error) return fail(*outcomes->front().error);
    for (Item* item : items) item->outcome = CreatedRow{item->number, item->before};
    return {};
}

Result<> RowBatch::write_claims(const Items& items) {
    Texts texts;
    for (Item* item : items) {
        item->claimed_at = now();
        add_claims(texts, *item, item->claimed_at, mark_);
    }
    DAVENPORT_ASSIGN(
        const auto outcomes,
        ledger_.database().write(texts.writes(), WriteMode::interactive, Atomicity::each));
    std::size_t next = 0;
    for (Item* item : items) {
        item->claimed = true;
        for (std::size_t i = 0; i < item->row->claims.size(); ++i) {
            const WriteOutcome& outcome = outcomes[next++];
            item->own[i] = outcome.error ? std::string() : outcome.revision;
            if (!outcome.error) continue;
            item->claimed = false;
            if (outcome.error->code != ErrorCode::conflict) item->outcome = fail(*outcome.error);
        }
    }
    return {};
}

// The row after its claims. Whoever was so slow that its claims may have been taken over looks
// again, and gives way.
Result<> RowBatch::write_rows(const Items& items) {
    Items claimed;
    std::copy_if(items.begin(), items.end(), std::back_inserter(claimed),
                 [](const Item* item) { return item->claimed; });
    Texts texts;
    for (const Item* item : claimed) add_row(texts, *item);
    DAVENPORT_ASSIGN(
        const auto outcomes,
        ledger_.database().write(texts.writes(), WriteMode::interactive, Atomicity::each));
    bool as_planned = claimed.size() == items.size();
    for (std::size_t i = 0; i < claimed.size(); ++i) {
        Item& item = *claimed[i];
        const auto& error = outcomes[i].error;
        bool kept = !error;
        if (error && error->code != ErrorCode::conflict) item.outcome = fail(*error);
        if (kept && now() - item.claimed_at >= unfinished_secs / 2) {
            DAVENPORT_ASSIGN(kept, keeps_claims(item));
            if (!kept) {
                DAVENPORT_TRY(ledger_.remove_row(item.row->kind, item.number));
                item.outcome = taken(item.row->claims.front());
            }
        }
        if (kept) item.outcome = CreatedRow{item.number, item.before};
        as_planned = as_planned && kept;
    }
    for (Item* item : claimed) {
        const bool created = item->outcome && *item->outcome && item->row->room != 0;
        if (!created || (as_planned && item->before < item->number)) continue;
        if (const auto looked = look_before(*item); !looked) item->outcome = fail(looked.error());
    }
    return {};
}

Result<bool> RowBatch::keeps_claims(const Item& item) {
    for (std::size_t i = 0; i < item.row->claims.size(); ++i) {
        DAVENPORT_ASSIGN(const ClaimState state,
                         read_claim(ledger_.database(), item.row->kind, item.row->claims[i]));
        if (state.revision != item.own[i]) return false;
    }
    return true;
}

Result<> RowBatch::look_before(Item& item) {
    DAVENPORT_ASSIGN(const auto earlier, ledger_.newest_comments(item.row->room, item.number, 1));
    item.outcome = CreatedRow{item.number, earlier.empty() ? 0 : earlier.front().id};
    return {};
}

Result<> RowBatch::look_at_free(const Items& items) {
    DAVENPORT_ASSIGN(const std::vector<Claims> looked, look_at_claims(items));
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i]->outcome) return fail(items[i]->outcome->error());
        if (looked[i] == Claims::awaited)
            return fail(ErrorCode::conflict, "another writer is about to take {}",
                        items[i]->row->claims.front());
    }
    return {};
}

Result<> RowBatch::write_under(const std::vector<NewRow>& rows, std::uint64_t first,
                               const std::function<Result<>(std::uint64_t)>& written) {
    std::vector<Item> items(rows.size());
    Items all;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        items[i].row = &rows[i];
        items[i].number = first + i;
        all.push_back(&items[i]);
    }
    if (!ledger_.in_steps()) {
        // Most often all claims are free, and a transaction finds out by itself.
        for (Item& item : items) item.revisions.assign(item.row->claims.size(), {});
        auto at_once = write_at_once(all);
        if (!at_once && at_once.error().code == ErrorCode::conflict) {
            DAVENPORT_TRY(look_at_free(all));
            at_once = write_at_once(all);
        }
        if (at_once) return written(rows.size());
        if (at_once.error().code != ErrorCode::unsupported) return at_once;
    }
    DAVENPORT_TRY(look_at_free(all));
    // From the last to the first: who writes meanwhile numbers its rows after the last one, and
    // none of ours is in the way.
    for (std::size_t end = all.size(); end > 0;) {
        const std::size_t begin = end - std::min(end, rows_a_step);
        const Items step(all.begin() + static_cast<std::ptrdiff_t>(begin),
                         all.begin() + static_cast<std::ptrdiff_t>(end));
        DAVENPORT_TRY(write_claims(step));
        DAVENPORT_TRY(write_rows(step));
        for (Item* item : step) {
            if (!item->outcome) return fail(ErrorCode::conflict, "another writer was faster");
            if (!*item->outcome) return fail(item->outcome->error());
        }
        end = begin;
        DAVENPORT_TRY(written(all.size() - end));
    }
    return {};
}

}  // namespace davenport::chat
