#include "commands.hpp"
#include "davenport/logging/logging.hpp"
#include "davenport/service/version.hpp"
#include "output.hpp"

#include <curl/curl.h>
#include <malloc.h>
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>

namespace {

// A secret that was given as an argument must not be readable in the list of processes.
void hide_secrets(int count, char** arguments) {
    for (int i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--key" && i + 1 < count)
            std::memset(arguments[i + 1], '*', std::strlen(arguments[i + 1]));
        else if (argument.starts_with("--key="))
            std::memset(arguments[i] + 6, '*', argument.size() - 6);
        // --couchdb http://USER:PASSWORD@HOST, in either spelling
        const std::size_t scheme = argument.find("://");
        const std::size_t at = argument.find('@');
        if (scheme != std::string_view::npos && at != std::string_view::npos && scheme < at)
            std::memset(arguments[i] + scheme + 3, '*', at - scheme - 3);
    }
}

// "A subcommand is required" is true of a mistyped one, too, and of no help. Empty: nothing was
// mistyped.
std::string unknown_command(const CLI::App& program) {
    const CLI::App* at = &program;
    while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
    if (at->get_require_subcommand_min() == 0) return "";
    for (const std::string& word : program.remaining(true))
        return fmt::format("unknown {} \"{}\"", word.starts_with('-') ? "option" : "command",
                           word.substr(0, word.find('=')));
    return "";
}

}  // namespace

int main(int count, char** arguments) {
    using namespace davenport::cli;
    std::signal(SIGPIPE, SIG_IGN);
    // Large bodies come and go; what was freed must go back to the system, or a service that once
    // took a big request stays big.
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    // stdout is for results alone.
    davenport::logging::configure(davenport::logging::Format::text, "info");

    CLI::App program("Backs up document databases and restores them.", "davenport");
    program.set_version_flag("--version", std::string(davenport::product_version));
    program.require_subcommand(1);
    Work chosen;
    add_serve(program, chosen);
    add_generate(program, chosen);
    add_keys(program, chosen);
    add_apps(program, chosen);
    add_backup(program, chosen);
    add_list(program, chosen);
    add_show(program, chosen);
    add_verify(program, chosen);
    add_diff(program, chosen);
    add_restore(program, chosen);
    add_prune(program, chosen);
    add_delete(program, chosen);
    add_pin(program, chosen);
    add_unpin(program, chosen);
    add_jobs(program, chosen);
    add_audit(program, chosen);
    add_schedules(program, chosen);
    add_drill(program, chosen);
    add_encryption(program, chosen);
    add_public_key(program, chosen);
    add_prove(program, chosen);
    add_check_proof(program, chosen);

    try {
        program.parse(count, arguments);
    } catch (const CLI::RequiredError& error) {
        if (const std::string unknown = unknown_command(program); !unknown.empty())
            fmt::print(stderr, "davenport: {}\nRun with --help for more information.\n", unknown);
        else
            program.exit(error);
        return exit_usage;
    } catch (const CLI::ParseError& error) {
        const int code = program.exit(error);
        return code == 0 ? exit_success : exit_usage;
    }
    hide_secrets(count, arguments);
    try {
        return chosen();
    } catch (const std::exception& error) {
        return report({davenport::ErrorCode::internal, error.what(), {}});
    }
}
