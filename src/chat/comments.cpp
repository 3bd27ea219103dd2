#include "checks.hpp"
#include "davenport/base/random.hpp"
#include "davenport/chat/chat.hpp"
#include "ledger.hpp"
#include "membership.hpp"
#include "new_comment.hpp"

#include <map>

namespace davenport::chat {
namespace {

// A page's first comment is looked for by counting; nobody pages that far.
constexpr std::uint64_t furthest = 1'000'000'000;

}  // namespace

NewRow new_comment(Comment comment) {
    NewRow row;
    row.kind = Kind::comment;
    row.claims = {comment_claim(comment.unique_id)};
    row.room = comment.room;
    row.body = [comment = std::move(comment)](std::uint64_t number) mutable {
        comment.id = number;
        return to_body(comment);
    };
    return row;
}

Result<std::vector<ShownComment>> Chat::shown(std::vector<Comment> comments, const Room& room,
                                              std::size_t count) {
    std::map<std::uint64_t, User> authors;
    std::vector<ShownComment> shown;
    for (std::size_t i = 0; i < std::min(count, comments.size()); ++i) {
        ShownComment& comment = shown.emplace_back();
        if (i + 1 < comments.size()) comment.before = comments[i + 1].id;
        comment.comment = std::move(comments[i]);
        const std::uint64_t author = comment.comment.user;
        if (!authors.contains(author)) {
            auto found = user(author);
            // Some documents were restored without others.
            if (!found && (found.error().code != ErrorCode::not_found || is_gone(found.error())))
                return fail(std::move(found).error());
            if (found) authors[author] = std::move(*found);
            if (authors[author].email != comment.comment.email) {
                authors[author] = User();
                authors[author].name = comment.comment.email;
            }
        }
        comment.room_name = room.name;
        comment.username = authors[author].name;
        comment.avatar_url = authors[author].avatar_url;
    }
    return shown;
}

Result<std::vector<ShownComment>> Chat::comments(std::uint64_t room, std::uint64_t page,
                                                 std::uint64_t limit) {
    DAVENPORT_ASSIGN(const Room found, this->room(room));
    if (page == 0 || limit == 0)
        return fail(ErrorCode::invalid_argument, "page and limit count from 1");
    if (page - 1 > furthest / limit) return std::vector<ShownComment>();
    // One more than asked for: it is what stands before the last one.
    DAVENPORT_ASSIGN(auto comments,
                     ledger_->newest_comments(room, 0, limit + 1, (page - 1) * limit));
    return shown(std::move(comments), found, limit);
}

// A reply names the comment that it answers in its payload.
Result<std::string> Chat::parent_of(const Post& post) {
    const auto fault = [](std::string_view text) {
        Faults faults;
        faults.add("payload", text);
        return fail(faults.result().error());
    };
    const auto payload = parse_json_object(post.payload);
    if (!payload || text_or(*payload, "text") != post.message)
        return fault("a reply needs one whose \"text\" is the message");
    const auto parent = integer_member(*payload, "replied_comment_id");
    if (!parent || *parent <= 0)
        return fault("a reply needs \"replied_comment_id\", the id of a comment");
    const auto body = ledger_->get(Kind::comment, static_cast<std::uint64_t>(*parent));
    if (!body && body.error().code != ErrorCode::not_found) return fail(body.error());
    if (!body || integer_member(*body, "room") != static_cast<std::int64_t>(post.room))
        return fault(fmt::format("there is no comment {} in room {}", *parent, post.room));
    return text_or(*body, "unique_id");
}

Result<ShownComment> Chat::post(const Post& post) {
    Faults faults;
    faults.add("sender_email", fault_of_email(post.sender_email));
    faults.add("message", post.message.empty() ? "it is missing"
                                               : fault_of_text(post.message, max_message_bytes));
    if (!post.unique_id.empty()) faults.add("unique_temp_id", fault_of_unique_id(post.unique_id));
    faults.add("type", fault_of_type(post.type));
    if (post.type == "system_event")
        faults.add("type", "system events are posted with post_system_event_message");
    faults.add("payload", fault_of_text(post.payload, max_message_bytes));
    if (const auto payload = parse_json(post.payload))
        faults.add("payload", fault_of_payload(*payload));
    else
        faults.add("payload", payload.error().message);
    DAVENPORT_TRY(faults.result());
    DAVENPORT_ASSIGN(const std::vector<User> senders, users("sender_email", {post.sender_email}));
    DAVENPORT_ASSIGN(const Room room, this->room(post.room));
    if (!present(room, post.sender_email))
        return fail(ErrorCode::forbidden, "{} is not in room {}", post.sender_email, post.room);

    Comment comment;
    if (post.type == "reply") {
        DAVENPORT_ASSIGN(comment.parent_unique_id, parent_of(post));
    }
    comment.unique_id = post.unique_id.empty() ? random_token(20) : post.unique_id;
    comment.room = room.id;
    comment.room_unique_id = room.unique_id;
    comment.user = senders.front().id;
    comment.email = post.sender_email;
    comment.message = post.message;
    comment.type = post.type;
    comment.payload = post.payload;
    comment.disable_link_preview = post.disable_link_preview;
    comment.created = clock_.now_ms() / 1000;
    const auto created = ledger_->create(new_comment(comment));
    if (created) {
        comment.id = created->number;
        return ShownComment{std::move(comment), created->before, room.name, senders.front().name,
                            senders.front().avatar_url};
    }
    if (created.error().code != ErrorCode::already_exists) return fail(created.error());

    // Posted before: the same answer again.
    DAVENPORT_ASSIGN(const auto body, ledger_->find(Kind::comment, created.error().detail));
    if (!body) return fail(ErrorCode::unavailable, "the comment is being changed; post it again");
    DAVENPORT_ASSIGN(Comment first, comment_of(*body));
    if (first.room != room.id || first.email != post.sender_email)
        return fail(ErrorCode::invalid_argument,
                    "unique_temp_id: another comment has it, of somebody else or in another room");
    std::vector<Comment> chain;
    const std::uint64_t id = first.id;
    chain.push_back(std::move(first));
    DAVENPORT_ASSIGN(auto earlier, ledger_->newest_comments(room.id, id, 1));
    if (!earlier.empty()) chain.push_back(std::move(earlier.front()));
    DAVENPORT_ASSIGN(auto again, shown(std::move(chain), room, 1));
    return std::move(again.front());
}

}  // namespace davenport::chat
