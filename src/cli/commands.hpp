#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace davenport::cli {

// Each adds one command; the command's work, when it was chosen, is stored in `chosen` and returns
// the exit code.
using Work = std::function<int()>;

void add_serve(CLI::App& program, Work& chosen);
void add_generate(CLI::App& program, Work& chosen);
void add_keys(CLI::App& program, Work& chosen);
void add_apps(CLI::App& program, Work& chosen);
void add_backup(CLI::App& program, Work& chosen);
void add_list(CLI::App& program, Work& chosen);
void add_show(CLI::App& program, Work& chosen);
void add_verify(CLI::App& program, Work& chosen);
void add_diff(CLI::App& program, Work& chosen);
void add_restore(CLI::App& program, Work& chosen);
void add_prune(CLI::App& program, Work& chosen);
void add_delete(CLI::App& program, Work& chosen);
void add_pin(CLI::App& program, Work& chosen);
void add_unpin(CLI::App& program, Work& chosen);
void add_jobs(CLI::App& program, Work& chosen);
void add_audit(CLI::App& program, Work& chosen);
void add_schedules(CLI::App& program, Work& chosen);
void add_drill(CLI::App& program, Work& chosen);
void add_encryption(CLI::App& program, Work& chosen);
void add_public_key(CLI::App& program, Work& chosen);
void add_prove(CLI::App& program, Work& chosen);
void add_check_proof(CLI::App& program, Work& chosen);

}  // namespace davenport::cli
