#include "comment_json.hpp"
#include "family.hpp"

namespace davenport::api::chat {
namespace {

using davenport::chat::Chat;

constexpr std::uint64_t default_limit = 20;
constexpr std::uint64_t max_limit = 1000;

Result<http::Response> post_comment(service::Service& service, http::Request& request, Chat& chat) {
    DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
    davenport::chat::Post post;
    post.sender_email = parameters.needed_text("sender_email");
    post.room = parameters.needed_number("room_id");
    post.message = parameters.needed_text("message");
    post.unique_id = parameters.text("unique_temp_id").value_or("");
    post.type = parameters.text("type").value_or("text");
    post.payload = parameters.object_text("payload");
    post.disable_link_preview = parameters.flag("disable_link_preview");
    DAVENPORT_TRY(parameters.check());
    DAVENPORT_ASSIGN(const davenport::chat::ShownComment shown, chat.post(post));
    // Before the answer: who is told that the comment stands may rely on its webhook too. A client
    // that gets no answer posts again with its unique_temp_id, which comes through here again.
    DAVENPORT_TRY(service.announce(chat, shown.comment));
    return results_answer({{"comment", to_json(shown)}});
}

Result<http::Response> load_comments(http::Request& request, Chat& chat) {
    DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
    const std::uint64_t room = parameters.needed_number("room_id");
    const std::uint64_t page = parameters.number("page").value_or(1);
    const std::uint64_t limit = parameters.number("limit").value_or(default_limit);
    if (limit > max_limit)
        parameters.add_fault("limit", fmt::format("it must be at most {}", max_limit));
    DAVENPORT_TRY(parameters.check());
    DAVENPORT_ASSIGN(const auto comments, chat.comments(room, page, limit));
    json::array array;
    for (const auto& shown : comments) {
        json::object comment = to_json(shown);
        comment["room_id"] = shown.comment.room;
        comment["room_name"] = shown.room_name;
        array.push_back(std::move(comment));
    }
    return results_answer({{"comments", std::move(array)}});
}

Result<http::Response> post_system_event(http::Request& request, Chat& chat) {
    DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
    davenport::chat::SystemEvent event;
    event.type = parameters.needed_text("system_event_type");
    event.room = parameters.needed_number("room_id");
    event.subject_email = parameters.needed_text("subject_email");
    event.object_emails = parameters.texts("object_email");
    event.updated_room_name = parameters.text("updated_room_name").value_or("");
    DAVENPORT_TRY(parameters.check());
    DAVENPORT_ASSIGN(const davenport::chat::PostedEvent posted, chat.post_event(event));
    const davenport::chat::Comment& stored = posted.comment.comment;
    json::object comment = to_json(posted.comment);
    DAVENPORT_ASSIGN(comment["payload"], parse_json(stored.payload));
    comment["room_id"] = stored.room;
    comment["topic_id"] = stored.room;
    comment["type"] = stored.type;
    comment["unix_timestamp"] = stored.created;
    comment["user_avatar"] =
        json::object{{"avatar", json::object{{"url", posted.comment.avatar_url}}}};
    comment["user_id"] = stored.user;
    json::object results{{"comment", std::move(comment)}};
    if (posted.object_id != 0) results["object_id"] = posted.object_id;
    return results_answer(std::move(results));
}

}  // namespace

json::object to_json(const davenport::chat::ShownComment& shown) {
    const davenport::chat::Comment& comment = shown.comment;
    return {{"comment_before_id", shown.before},
            {"disable_link_preview", comment.disable_link_preview},
            {"email", comment.email},
            {"id", comment.id},
            {"message", comment.message},
            {"timestamp", timestamp(comment.created)},
            {"unique_temp_id", comment.unique_id},
            {"user_avatar_url", shown.avatar_url},
            {"username", shown.username}};
}

void add_comment_routes(http::Router& router, const Surroundings& surroundings) {
    const auto body = http::BodyPolicy::text(max_call_bytes);
    service::Service& service = surroundings.service;
    add_call(router, surroundings, "POST", "/post_comment", body,
             [&service](http::Request& request, Chat& chat) {
                 return post_comment(service, request, chat);
             });
    add_call(router, surroundings, "POST", "/load_comments", body, load_comments);
    add_call(router, surroundings, "POST", "/post_system_event_message", body, post_system_event);
}

}  // namespace davenport::api::chat
