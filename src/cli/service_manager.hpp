#pragma once

#include <chrono>

namespace davenport::cli {

// Tells the manager that started this process (systemd, through NOTIFY_SOCKET) how far it is.
// Without a manager nothing happens; one that can't be told is logged and does not stop the
// service.
void tell_ready();
// `within`: how long the stop may take; the manager waits for as long before it kills.
void tell_stopping(std::chrono::milliseconds within);

}  // namespace davenport::cli
