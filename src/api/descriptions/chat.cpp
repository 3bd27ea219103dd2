#include "davenport/api/descriptions.hpp"

namespace davenport::api {
namespace {

using namespace openapi;

struct Call {
    const char* method;
    const char* pattern;
    const char* summary;
    const char* body = nullptr;  // JSON Schema; nullptr = none
};

// Parameters may also come as a form, or in the query.
constexpr Call calls[] = {
    {"POST", "/login_or_register", "Creates or updates a user",
     R"({"type":"object","required":["email"],"properties":{"email":{"type":"string"},
         "username":{"type":"string"},"password":{"type":"string"},
         "avatar_url":{"type":"string"},"device_token":{"type":"string"},
         "device_platform":{"type":"string"}}})"},
    {"POST", "/create_room", "Makes a group room",
     R"({"type":"object","required":["name","creator"],"properties":{"name":{"type":"string"},
         "creator":{"type":"string"},
         "participants":{"type":"array","items":{"type":"string"}},
         "avatar_url":{"type":"string"}}})"},
    {"GET", "/get_or_create_room_with_target", "The single room of two users"},
    {"POST", "/get_rooms_info", "What is in rooms, and what is unread",
     R"({"type":"object","required":["room_id","user_email"],"properties":{
         "room_id":{"type":"array","items":{"type":["string","integer"]}},
         "user_email":{"type":"string"}}})"},
    {"POST", "/add_room_participants", "Adds users to a room",
     R"({"type":"object","required":["room_id","emails"],"properties":{
         "room_id":{"type":["string","integer"]},
         "emails":{"type":"array","items":{"type":"string"}}}})"},
    {"POST", "/remove_room_participants", "Removes users from a room",
     R"({"type":"object","required":["room_id","emails"],"properties":{
         "room_id":{"type":["string","integer"]},
         "emails":{"type":"array","items":{"type":"string"}}}})"},
    {"POST", "/post_comment", "Posts a comment",
     R"({"type":"object","required":["sender_email","room_id","message"],"properties":{
         "sender_email":{"type":"string"},"room_id":{"type":["string","integer"]},
         "message":{"type":"string"},"type":{"type":"string","default":"text"},
         "payload":{"type":"object"},"unique_temp_id":{"type":"string"},
         "disable_link_preview":{"type":"boolean"}}})"},
    {"POST", "/load_comments", "A room's comments, newest first",
     R"({"type":"object","required":["room_id"],"properties":{
         "room_id":{"type":["string","integer"]},"page":{"type":"integer","default":1},
         "limit":{"type":"integer","default":20,"maximum":1000}}})"},
    {"POST", "/post_system_event_message", "Posts a system event",
     R"({"type":"object","required":["system_event_type","room_id","subject_email"],"properties":{
         "system_event_type":{"enum":["create_room","add_member","join_room","remove_member",
         "left_room","change_room_name","change_room_avatar"]},
         "room_id":{"type":["string","integer"]},"subject_email":{"type":"string"},
         "object_email":{"type":"array","items":{"type":"string"}},
         "updated_room_name":{"type":"string"}}})"},
    {"POST", "/exports", "Begins an export, or plans exports",
     R"({"type":"object","required":["type"],"properties":{
         "type":{"enum":["users","rooms","comments"]},"start_date":{"type":"string"},
         "end_date":{"type":"string"},"schedule":{"type":"string"}}})"},
    {"GET", "/exports", "The exports, newest first"},
    {"GET", "/exports/:id", "One export, with its download link when it is complete"},
    {"DELETE", "/exports/:id", "Deletes an export and its file"},
    {"GET", "/exports/schedules", "The planned exports"},
    {"GET", "/exports/schedules/:id", "One planned export"},
    {"DELETE", "/exports/schedules/:id", "Plans it no more"},
    {"GET", "/imports", "The imports, newest first"},
    {"GET", "/imports/:id", "One import, with what was wrong"},
};

Operation operation_of(const Call& call, std::string_view prefix) {
    Operation operation;
    operation.method = call.method;
    operation.pattern = fmt::format("{}{}", prefix, call.pattern);
    operation.summary = call.summary;
    if (call.body) operation.body = Body{"Also as a form", call.body};
    operation.answers = {
        {200, "What was done or found",
         R"({"type":"object","properties":{"results":{"type":"object"},"status":{"const":200}}})"},
        {400, "What was sent is wrong", R"({"$ref":"#/components/schemas/ChatError"})"},
        {401, "The application or its secret is wrong",
         R"({"$ref":"#/components/schemas/ChatError"})"},
        {404, "There is no such thing", R"({"$ref":"#/components/schemas/ChatError"})"}};
    return operation;
}

}  // namespace

void describe_chat(Document& document) {
    document.family("Chat", "Users, rooms and comments of chat applications; exports and imports");
    document.schema("ChatError", R"({"type":"object","properties":{"status":{"type":"integer"},
        "error":{"type":"object","properties":{"message":{"type":"string"},
        "detailed_messages":{"type":"array","items":{"type":"string"}}}}}})");
    for (const std::string_view prefix : {"/api/v2/rest", "/api/v2.1/rest"}) {
        for (const Call& call : calls)
            document.add(Security::application, operation_of(call, prefix));
        Operation import =
            operation_of({"POST", "/imports", "Imports a file: all of its rows or none"}, prefix);
        import.body = Body{"The file, and its type", R"({"type":"object","properties":{
            "type":{"enum":["users","rooms","comments"]},
            "file":{"type":"string","format":"binary"}}})",
                           "multipart/form-data"};
        document.add(Security::application, std::move(import));
    }
    document.add(Security::link,
                 {.method = "GET",
                  .pattern = "/api/v2.1/rest/exports/:id/download",
                  .summary = "An export's file, by the signed link of its export",
                  .query = {{"app", "of the link"},
                            {"expires", "of the link"},
                            {"signature", "of the link"}},
                  .answers = {{200, "The file", R"({"type":"array","items":{"type":"object"}})"},
                              {206, "The range that was asked for", R"({"type":"string"})"},
                              {416, "The range is not in the file",
                               R"({"$ref":"#/components/schemas/ChatError"})"}}});
}

}  // namespace davenport::api
