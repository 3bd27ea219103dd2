#pragma once

#include "davenport/base/json.hpp"
#include "davenport/chat/chat.hpp"

namespace davenport::api::chat {

// The members that every answer shows of a comment.
json::object to_json(const davenport::chat::ShownComment& shown);

}  // namespace davenport::api::chat
