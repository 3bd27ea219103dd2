// A document's JSON text: taken apart, put together, looked into.
#include "davenport/base/json_text.hpp"
#include "davenport/documents/document_text.hpp"
#include "fuzz/fuzzer.hpp"

namespace davenport::fuzz {
namespace {

// These promise only to stay inside the text, and to come back.
void look_into(std::string_view text) {
    std::size_t bytes = 0;
    for_each_member(text, [&](std::string_view name, std::string_view value) {
        bytes += name.size() + value.size();
        string_value(value);
        for_each_element(value, [&](std::string_view element) { bytes += element.size(); });
        return Walk::go_on;
    });
    for_each_element(text, [&](std::string_view element) { bytes += element.size(); });
    string_value(text);
    find_member(text, "type");
    with_member(text, "type", "\"other\"");
}

void parse(documents::DocumentParser& parser, std::string_view text,
           documents::UnknownReserved unknown) {
    const auto parsed = parser.parse(text, unknown);
    if (!parsed) return;
    std::string again;
    documents::append_document_text(again, "id", "1-a", parsed->deleted, parsed->body, "");
    documents::DocumentParser other;
    const auto reread = other.parse(again, documents::UnknownReserved::refuse);
    require(reread.has_value(), "what was written can be read");
    require(reread->body == parsed->body, "a body stays as it came");
    require(reread->type == parsed->type, "a type stays as it came");
    require(documents::same_json(reread->body, parsed->body), "a body equals itself");
    require(string_member_of(parsed->body, "type").value_or("") == parsed->type,
            "both readers see one type");
    const std::string changed = with_member(parsed->body, "added", "[1]");
    require(find_member(changed, "added") == "[1]", "a member that was set is there");
    require(other.parse(changed, documents::UnknownReserved::refuse).has_value(),
            "a changed body can be read");
}

}  // namespace

void run(std::string_view input) {
    look_into(input);
    documents::DocumentParser parser;
    parse(parser, input, documents::UnknownReserved::refuse);
    parse(parser, input, documents::UnknownReserved::drop);
    const auto envelope = parser.split_envelope(input, "docs");
    if (!envelope) return;
    for (const std::string_view document : envelope->docs) {
        documents::DocumentParser other;
        (void)other.parse(document, documents::UnknownReserved::refuse);
    }
}

}  // namespace davenport::fuzz
