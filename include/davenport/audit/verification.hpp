#pragma once

#include "davenport/base/json.hpp"
#include "davenport/base/result.hpp"
#include "davenport/base/signature.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::audit {

struct Finding {
    std::uint64_t line = 0;  // the number of the line it is about, 0 = the log as a whole
    std::string message;
};

struct Verification {
    bool sound = true;
    std::uint64_t first = 0, last = 0;  // numbers; 0 = there are no lines
    std::uint64_t lines = 0;
    std::uint64_t removed = 0;  // lines before the first, removed for their age by a signed record
    std::string last_hash;      // SHA-256 of the last line, in hex
    bool signatures_checked = true;
    std::vector<Finding> findings;  // the first hundred
    std::uint64_t findings_in_all = 0;
};
json::object to_json(const Verification& verification);

// What a log's end was at some time, signed. Whoever keeps one can tell later that lines up to it
// were cut off or exchanged.
struct Head {
    std::string log_id;
    std::uint64_t seq = 0;
    std::string hash;  // of that line
    std::string time;
};
// `corrupt` when it is damaged or not signed by one of the keys (none given: by whichever).
Result<Head> read_head(std::string_view text, const std::vector<VerifyingKey>& keys);
bool is_head(std::string_view text);

// Checks lines one after the other, in flat memory. Not thread-safe.
class Verifier {
  public:
    // Every line must be signed by one of the keys; without any, signatures are not checked.
    // `log_id` empty = whatever the first line says.
    Verifier(std::vector<VerifyingKey> keys, std::string log_id);
    ~Verifier();
    // A head that was seen before: its line must still be there and the same.
    void expect(Head earlier);

    void line(std::string_view text);  // without the line end
    void finding(std::uint64_t line, std::string message);
    Verification finish();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// An exported file: its lines, and the signed head at its end. `earlier` empty = none.
Result<Verification> verify_file(const std::string& path, const std::vector<VerifyingKey>& keys,
                                 const std::string& earlier);

}  // namespace davenport::audit
