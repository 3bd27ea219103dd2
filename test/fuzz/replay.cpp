// Stands in for libFuzzer where only the ordinary build is at hand: feeds a fuzzer its seeds, and
// then seeded mutations of them. Nothing guides it, so it finds less; but it needs no other
// compiler, and every run of the test suite has it.
//
//   replay_NAME [--seed S] [--runs N] [--seconds N] SEED_DIRECTORY_OR_FILE…
#include "fuzz/fuzzer.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_input_bytes = 64 * 1024;
constexpr unsigned slowest_run_seconds = 30;

std::string_view current;  // what is being fed
char crash_file[64];       // where it goes if the program dies of it

// Only calls that a signal handler may make.
void save_input(int signal) {
    const int file = ::open(crash_file, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    if (file >= 0) {
        [[maybe_unused]] const auto written = ::write(file, current.data(), current.size());
        ::close(file);
    }
    const char* const why = signal == SIGALRM ? "too slow; the input is in " : "the input is in ";
    for (const char* text : {why, static_cast<const char*>(crash_file), "\n"}) {
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, std::strlen(text));
    }
    ::_exit(99);
}

void feed(std::string_view input) {
    // A block of its own and no longer: reading past its end is seen by sanitizers.
    const std::unique_ptr<char[]> copy(new char[input.size()]);
    std::copy(input.begin(), input.end(), copy.get());
    current = {copy.get(), input.size()};
    ::alarm(slowest_run_seconds);
    davenport::fuzz::run(current);
    ::alarm(0);
    current = {};
}

using Inputs = std::vector<std::string>;

void load(const fs::path& path, Inputs& inputs) {
    if (fs::is_directory(path)) {
        std::vector<fs::path> paths;
        for (const auto& entry : fs::directory_iterator(path)) paths.push_back(entry.path());
        std::sort(paths.begin(), paths.end());
        for (const fs::path& file : paths) load(file, inputs);
        return;
    }
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

class Mutator {
  public:
    Mutator(const Inputs& seeds, std::uint64_t seed) : seeds_(seeds), random_(seed) {}

    std::string next() {
        std::string input = seeds_[below(seeds_.size())];
        for (std::size_t steps = 1 + below(6); steps > 0; --steps) change(input);
        if (input.size() > max_input_bytes) input.resize(max_input_bytes);
        return input;
    }

  private:
    std::size_t below(std::size_t end) { return end == 0 ? 0 : random_() % end; }

    std::string piece_of(const std::string& text) {
        const std::size_t at = below(text.size());
        return text.substr(at, 1 + below(std::min<std::size_t>(text.size() - at, 40)));
    }

    void change(std::string& input) {
        static constexpr std::array<unsigned char, 12> telling = {0,  1,    9,    10,   13,   34,
                                                                  92, 0x7f, 0x80, 0xc0, 0xfe, 0xff};
        const std::size_t at = below(input.size());
        switch (below(8)) {
            case 0:
                if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
                break;
            case 1:
                if (!input.empty()) input[at] = static_cast<char>(random_());
                break;
            case 2:
                if (!input.empty()) input[at] = static_cast<char>(telling[below(telling.size())]);
                break;
            case 3:
                input.erase(at, 1 + below(std::min<std::size_t>(input.size(), 20)));
                break;
            case 4:  // twice, or many times: depth and length
                input.insert(at, repeated(piece_of(input)));
                break;
            case 5:  // a piece of any seed
                input.insert(at, piece_of(seeds_[below(seeds_.size())]));
                break;
            case 6:
                input.insert(at, 1, static_cast<char>(telling[below(telling.size())]));
                break;
            default:
                input.insert(at, std::to_string(std::int64_t(random_()) >> below(64)));
        }
    }

    std::string repeated(const std::string& piece) {
        std::string all = piece;
        for (std::size_t times = below(20) == 0 ? below(400) : 0; times > 0; --times) all += piece;
        return all;
    }

    const Inputs& seeds_;
    std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t seed = std::random_device{}();
    std::uint64_t runs = 0;
    long seconds = 3600;
    Inputs seeds;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const auto value = [&] { return i + 1 < argc ? std::stoull(argv[++i]) : 0; };
        if (argument == "--seed")
            seed = value();
        else if (argument == "--runs")
            runs = value();
        else if (argument == "--seconds")
            seconds = static_cast<long>(value());
        else
            load(fs::path(argument), seeds);
    }
    if (seeds.empty()) {
        std::fprintf(stderr, "no seeds\n");
        return 2;
    }
    std::snprintf(crash_file, sizeof crash_file, "%.50s.broken",
                  fs::path(argv[0]).filename().c_str());
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM})
        std::signal(signal, save_input);

    std::printf("seed %llu, %zu seeds\n", static_cast<unsigned long long>(seed), seeds.size());
    std::fflush(stdout);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    for (const std::string& input : seeds) feed(input);
    Mutator mutator(seeds, seed);
    std::uint64_t done = 0;
    for (; done < runs && (done % 64 != 0 || std::chrono::steady_clock::now() < end); ++done)
        feed(mutator.next());
    std::printf("%llu mutations\n", static_cast<unsigned long long>(done));
    return 0;
}
