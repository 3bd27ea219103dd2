#include "checks.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/chat/chat.hpp"
#include "import_run.hpp"

#include <algorithm>
#include <cmath>

namespace davenport::chat {
namespace {

constexpr std::string_view reply = "reply";
constexpr std::string_view parent_number = "replied_comment_id";
// Of a payload's text; a reply's holds its message once more, escaped.
constexpr std::size_t max_payload_bytes = 2 * max_message_bytes;
constexpr std::size_t parents_a_question = 500;

std::string fault_of_reply(const json::object* payload, std::string_view message) {
    if (payload == nullptr) return "a reply needs it, with text and replied_comment_id";
    const json::string* text = string_member(*payload, "text");
    if (text == nullptr || std::string_view(text->data(), text->size()) != message)
        return "its text must be the same as Message";
    const json::value* number = payload->if_contains({parent_number.data(), parent_number.size()});
    if (number == nullptr || !number->is_int64() || number->get_int64() != 1)
        return "its replied_comment_id must be the number 1";
    return {};
}

struct ImportedComment {
    Comment comment;
    // Of a reply: its parent, by its distance in the file or by its number.
    std::size_t rows_before = 0;
    std::uint64_t parent = 0;
};

void read_payload(ImportFields& fields, Comment& comment) {
    const json::object* payload = fields.object("Payload");
    if (payload != nullptr) {
        comment.payload = davenport::to_text(*payload);
        fields.add_fault("Payload", fault_of_payload(*payload));
        fields.add_fault("Payload", fault_of_text(comment.payload, max_payload_bytes));
    }
    if (comment.type == reply)
        fields.add_fault("Payload", fault_of_reply(payload, comment.message));
}

Comment read_comment(ImportFields& fields, std::int64_t now) {
    Comment comment;
    comment.unique_id = fields.text("UniqueId");
    fields.add_fault("UniqueId", fault_of_unique_id(comment.unique_id));
    comment.room_unique_id = fields.text("RoomUniqueId");
    fields.add_fault("RoomUniqueId", fault_of_unique_id(comment.room_unique_id));
    comment.email = fields.text("CreatorEmail");
    fields.add_fault("CreatorEmail", fault_of_email(comment.email));
    if (std::string type = fields.text("Type"); !type.empty()) comment.type = std::move(type);
    fields.add_fault("Type", fault_of_type(comment.type));
    comment.message = fields.text("Message");
    fields.add_fault("Message", comment.message.empty() && comment.type == "text"
                                    ? "it is missing"
                                    : fault_of_text(comment.message, max_message_bytes));
    comment.disable_link_preview = fields.flag("DisableLinkPreview");
    read_payload(fields, comment);
    comment.parent_unique_id = fields.text("ParentCommentUniqueId");
    if (comment.type == reply)
        fields.add_fault("ParentCommentUniqueId",
                         comment.parent_unique_id.empty()
                             ? "a reply needs it"
                             : fault_of_unique_id(comment.parent_unique_id));
    else if (!comment.parent_unique_id.empty())
        fields.add_fault("ParentCommentUniqueId", "only a reply has a parent");
    comment.created = fields.time("CreatedAt", now);
    return comment;
}

// Numbers for the author and the room.
Result<> identify(const ImportCheck& check, std::vector<ImportedComment>& comments) {
    KnownRows users, rooms;
    for (std::size_t i = 0; i < comments.size(); ++i) {
        if (check.faults.has(i)) continue;
        users.want(comments[i].comment.email);
        rooms.want(comments[i].comment.room_unique_id);
    }
    DAVENPORT_TRY(users.look_up(check.ledger, Kind::user, email_claim));
    DAVENPORT_TRY(rooms.look_up(check.ledger, Kind::room, room_claim));
    for (std::size_t i = 0; i < comments.size(); ++i) {
        Comment& comment = comments[i].comment;
        if (check.faults.has(i)) continue;
        comment.room = rooms.number(comment.room_unique_id);
        comment.user = users.number(comment.email);
        if (comment.room == 0)
            check.faults.add(i, "RoomUniqueId",
                             fmt::format("there is no room {}", in_quotes(comment.room_unique_id)));
        if (comment.user == 0)
            check.faults.add(i, "CreatorEmail",
                             fmt::format("there is no user {}", in_quotes(comment.email)));
    }
    return {};
}

// The room of each of these comments of the database.
Result<std::unordered_map<std::uint64_t, std::uint64_t>> rooms_of(
    Ledger& ledger, const std::vector<std::uint64_t>& numbers) {
    std::unordered_map<std::uint64_t, std::uint64_t> rooms;
    for (std::size_t begin = 0; begin < numbers.size(); begin += parents_a_question) {
        const auto from = numbers.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto count = std::min(parents_a_question, numbers.size() - begin);
        const std::vector<std::uint64_t> some(from, from + static_cast<std::ptrdiff_t>(count));
        DAVENPORT_ASSIGN(const auto bodies, ledger.get_many(Kind::comment, some));
        for (const auto& body : bodies) {
            if (!body) continue;
            DAVENPORT_ASSIGN(const Comment comment, comment_of(*body));
            rooms.emplace(comment.id, comment.room);
        }
    }
    return rooms;
}

// A parent that stands in the file, wherever: then all is said about it.
bool find_in_file(const ImportCheck& check, std::vector<ImportedComment>& comments,
                  const FirstRows& unique_ids, std::size_t row) {
    ImportedComment& child = comments[row];
    const std::size_t* parent = unique_ids.find(child.comment.parent_unique_id);
    if (parent == nullptr) return false;
    std::string fault;
    if (*parent == row)
        fault = "it is the comment itself";
    else if (*parent > row)
        fault = fmt::format("{} stands later in the file (row {}); it must come before its replies",
                            in_quotes(child.comment.parent_unique_id), *parent + 1);
    else if (!check.faults.has(*parent) &&
             comments[*parent].comment.room_unique_id != child.comment.room_unique_id)
        fault = fmt::format("{} is in another room", in_quotes(child.comment.parent_unique_id));
    check.faults.add(row, "ParentCommentUniqueId", fault);
    child.rows_before = row - std::min(*parent, row);
    return true;
}

Result<> find_parents(const ImportCheck& check, std::vector<ImportedComment>& comments,
                      const FirstRows& unique_ids) {
    KnownRows parents;
    std::vector<std::size_t> children;  // of comments that are not in the file
    for (std::size_t i = 0; i < comments.size(); ++i) {
        const Comment& comment = comments[i].comment;
        if (check.faults.has(i) || comment.type != reply) continue;
        if (find_in_file(check, comments, unique_ids, i)) continue;
        parents.want(comment.parent_unique_id);
        children.push_back(i);
    }
    DAVENPORT_TRY(parents.look_up(check.ledger, Kind::comment, comment_claim));
    std::vector<std::uint64_t> numbers;
    for (const auto& [unique_id, number] : parents.all())
        if (number != 0) numbers.push_back(number);
    DAVENPORT_ASSIGN(const auto rooms, rooms_of(check.ledger, numbers));
    for (const std::size_t i : children) {
        ImportedComment& child = comments[i];
        const std::string& unique_id = child.comment.parent_unique_id;
        child.parent = parents.number(unique_id);
        const auto room = rooms.find(child.parent);
        if (room == rooms.end())
            check.faults.add(i, "ParentCommentUniqueId",
                             fmt::format("there is no comment {}, neither in the database nor "
                                         "earlier in the file",
                                         in_quotes(unique_id)));
        else if (room->second != child.comment.room)
            check.faults.add(i, "ParentCommentUniqueId",
                             fmt::format("{} is in another room", in_quotes(unique_id)));
    }
    return {};
}

NewRow new_row(ImportedComment imported, std::string claim) {
    NewRow row;
    row.kind = Kind::comment;
    row.claims = {std::move(claim)};
    row.body = [imported = std::move(imported)](std::uint64_t number) mutable {
        const std::uint64_t parent =
            imported.rows_before != 0 ? number - imported.rows_before : imported.parent;
        imported.comment.id = number;
        json::object body = to_body(imported.comment);
        if (json::object* payload = body["payload"].if_object(); payload != nullptr && parent != 0)
            (*payload)[json::string_view(parent_number.data(), parent_number.size())] = parent;
        return body;
    };
    return row;
}

}  // namespace

Result<std::vector<NewRow>> check_comments(const ImportCheck& check) {
    std::vector<ImportedComment> comments(check.rows.size());
    FirstRows unique_ids;
    check.each([&](ImportFields& fields) {
        Comment& comment = comments[fields.position()].comment;
        comment = read_comment(fields, check.now);
        unique_ids.add(fields, "UniqueId", comment.unique_id);
    });

    std::vector<std::string> claims;
    claims.reserve(comments.size());
    for (const auto& imported : comments)
        claims.push_back(comment_claim(imported.comment.unique_id));
    DAVENPORT_TRY(check.refuse_taken(Kind::comment, "UniqueId", claims, [&](std::size_t row) {
        return fmt::format("a comment {}", in_quotes(comments[row].comment.unique_id));
    }));
    DAVENPORT_TRY(identify(check, comments));
    DAVENPORT_TRY(find_parents(check, comments, unique_ids));

    std::vector<NewRow> rows;
    rows.reserve(comments.size());
    for (std::size_t i = 0; i < comments.size(); ++i)
        rows.push_back(new_row(std::move(comments[i]), std::move(claims[i])));
    return rows;
}

}  // namespace davenport::chat
