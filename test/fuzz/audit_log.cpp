// The audit log as a hostile hand leaves it: a file for `davenport audit verify`, and pages in the
// control database. What is behind the signatures is reached, too: the input's lines are signed
// with a key of our own, and the hash "next" stands for the one that fits. What is sound then must
// not be any more when a byte, a line or the order of lines is changed.
#include "davenport/audit/log.hpp"

#include "audit/line.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/sealed_text.hpp"
#include "fuzz/scratch_file.hpp"

#include <functional>
#include <vector>

namespace davenport::fuzz {
namespace {

using Lines = std::vector<std::string>;

const SigningKey& key() {
    static const SigningKey made = SigningKey::generate();
    return made;
}

std::string joined(const Lines& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

audit::Verification verify(const std::string& text, const std::string& earlier = {}) {
    static const ScratchFile file("log"), kept("earlier");
    const std::string& path = file.put(text);
    const auto verification =
        audit::verify_file(path, {key().public_key()}, earlier.empty() ? "" : kept.put(earlier));
    if (!verification) {
        require(verification.error().code == ErrorCode::corrupt, "the fault is the file's");
        audit::Verification unreadable;
        unreadable.sound = false;
        return unreadable;
    }
    require(verification->sound == verification->findings.empty(), "what is not sound is told");
    require(verification->findings_in_all >= verification->findings.size(), "findings are counted");
    (void)davenport::to_text(audit::to_json(*verification));
    return *verification;
}

// Lines that are JSON objects, signed by the key; the others as they are.
Lines signed_anew(std::string_view input) {
    Lines lines;
    std::string hash;
    while (!input.empty()) {
        const std::string_view line = take_line(input);
        auto object = parse_json_object(line);
        if (!object) {
            lines.emplace_back(line);
            continue;
        }
        for (const char* end : {"signature", "checksum"}) object->erase(end);
        if (hash.empty()) hash = audit::hash_before_first(text_or(*object, "log"));
        for (const char* member : {"previous", "hash"})
            if (text_or(*object, member) == "next") (*object)[member] = hash;
        lines.push_back(seal(*object, key()));
        if (!audit::is_head(lines.back())) hash = audit::hash_of(lines.back());
    }
    return lines;
}

// Where a change is made: anywhere, but the same for the same input.
std::size_t somewhere(std::string_view input, std::size_t end) {
    return std::hash<std::string_view>{}(input) % end;
}

void change(const Lines& sound, std::string_view input) {
    const std::string text = joined(sound);
    std::string flipped = text;
    char& byte = flipped[somewhere(input, flipped.size())];
    byte = static_cast<char>(byte ^ (1 << (input.size() % 8)));
    require(!verify(flipped).sound, "an edited byte is found");

    const std::size_t at = somewhere(input, sound.size());
    Lines without = sound;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(at));
    require(!verify(joined(without)).sound, "a removed line is found");
    if (at + 1 < sound.size()) {
        Lines swapped = sound;
        std::swap(swapped[at], swapped[at + 1]);
        require(!verify(joined(swapped)).sound, "reordered lines are found");
    }
    // Cut off with a head that fits what is left: only an earlier head knows.
    if (sound.size() > 2) {
        const std::string head = sound.back() + "\n";
        require(verify(text, head).sound, "a log agrees with its own head");
        Lines cut(sound.begin(), sound.end() - 2);
        auto object = parse_json_object(sound.back());
        auto last = parse_json_object(cut.back());
        for (const char* end : {"signature", "checksum"}) object->erase(end);
        (*object)["seq"] = (*last)["seq"];
        (*object)["hash"] = audit::hash_of(cut.back());
        cut.push_back(seal(*object, key()));
        require(!verify(joined(cut), head).sound, "an end that was cut off is found");
    }
}

// A page of the control database with these lines, or with whatever is in its place.
void read_stored(std::string_view body) {
    const auto store = documents::make_memory();
    const std::shared_ptr<documents::Database> control = *store->open_or_create("control");
    documents::DocumentWrite page;
    page.id = "audit:0000000000000001";
    page.body = body;
    const auto outcomes =
        control->write({&page, 1}, documents::WriteMode::overwrite, documents::Atomicity::each);
    require(outcomes.has_value(), "the store works");
    if (outcomes->at(0).error) return;  // no document either
    const SystemClock clock;
    audit::Options options;
    options.log_id = "log";
    const auto log = audit::Log::open(control, clock, key(), options);
    require(log.has_value(), "a damaged log opens");
    (void)(*log)->list(0, 100);
    (void)(*log)->newest(100);
    const auto verification = (*log)->verify({});
    require(verification.has_value(), "a damaged log can be verified");
    std::string exported;
    if (const auto pieces = (*log)->export_all())
        for (auto piece = (*pieces)->next(); piece && !piece->empty(); piece = (*pieces)->next())
            exported += *piece;
    if (verification->sound)
        require(verify(exported).sound, "what is sound here is sound where it is exported to");
    audit::Event event;
    event.action = "test";
    if (verification->sound)
        require((*log)->record(event).has_value(), "what is sound can be gone on with");
    else
        (void)(*log)->record(event);
}

std::string page_of(const Lines& lines) {
    json::object body{{"type", "audit"}, {"first", 1}};
    json::array& texts = body["lines"].emplace_array();
    for (const std::string& line : lines)
        if (!audit::is_head(line)) texts.emplace_back(line);
    return davenport::to_text(body);
}

bool is_utf8(const Lines& lines) {
    for (const std::string& line : lines)
        if (find_invalid_utf8(line) != std::string_view::npos) return false;
    return true;
}

}  // namespace

void run(std::string_view input) {
    require(!verify(std::string(input)).sound, "nothing is sound without our signature");
    const Lines lines = signed_anew(input);
    if (lines.empty()) return;
    if (verify(joined(lines)).sound) change(lines, input);
    if (const auto page = parse_json_object(input)) read_stored(davenport::to_text(*page));
    if (is_utf8(lines)) read_stored(page_of(lines));
}

}  // namespace davenport::fuzz
