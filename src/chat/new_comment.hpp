#pragma once

#include "ledger.hpp"

namespace davenport::chat {

// A comment as a row to be; its `id` is set when it is written.
NewRow new_comment(Comment comment);

}  // namespace davenport::chat
