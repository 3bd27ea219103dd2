#pragma once

#include "davenport/chat/rows.hpp"

#include <string_view>

namespace davenport::chat {

// The participant of that e-mail who is in the room now, or nullptr.
const Participant* present(const Room& room, std::string_view email);

}  // namespace davenport::chat
