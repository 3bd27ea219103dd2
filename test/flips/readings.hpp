#pragma once

#include "davenport/backup_doc/writer.hpp"
#include "davenport/restore/source.hpp"
#include "davenport/vault/vault.hpp"
#include "replication/fixture.hpp"

#include <map>
#include <optional>
#include <string>

namespace davenport::test {

// Every way in which what is in a vault reaches somebody: what was read -> its text, or nullopt
// where the reading failed with an error.
using Readings = std::map<std::string, std::optional<std::string>>;

namespace reading {

inline Result<std::string> download(const vault::Vault& vault, const std::string& id) {
    DAVENPORT_ASSIGN(const auto manifest, vault.manifest(id));
    DAVENPORT_ASSIGN(const auto writer,
                     backup_doc::Writer::create(vault, backup_doc::summarise(manifest), &manifest,
                                                backup_doc::Contents::everything));
    std::string text;
    std::array<char, 16 * 1024> buffer;
    for (;;) {
        DAVENPORT_ASSIGN(const std::size_t size, writer->read(buffer));
        if (size == 0) return text;
        text.append(buffer.data(), size);
    }
}

inline Result<std::string> bytes_of(const documents::AttachmentWrite& attachment) {
    std::string bytes;
    std::array<char, 4096> buffer;
    for (;;) {
        DAVENPORT_ASSIGN(const std::size_t size, attachment.source->read(buffer));
        if (size == 0) return bytes;
        bytes.append(buffer.data(), size);
    }
}

// What a restore would write.
inline Result<std::string> drain(restore::SourceCursor& cursor) {
    std::string text;
    for (;;) {
        DAVENPORT_ASSIGN(const restore::SourceDocument* document, cursor.next());
        if (!document) return text;
        text += fmt::format("{} {} {} {}\n", document->id, document->deleted,
                            fmt::join(document->history, ","), document->body);
        for (const documents::AttachmentWrite& attachment : document->attachments) {
            DAVENPORT_ASSIGN(const std::string bytes, bytes_of(attachment));
            text += attachment.name + " " + bytes + "\n";
        }
    }
}

inline Result<std::string> restored(const vault::Vault& vault, const std::string& id) {
    DAVENPORT_ASSIGN(const auto source, restore::from_vault(vault, id));
    std::string text;
    for (const restore::SourceDatabase& database : source->databases()) {
        DAVENPORT_ASSIGN(const auto cursor, database.revisions ? source->revisions(database.key)
                                                               : source->documents(database.key));
        DAVENPORT_ASSIGN(const std::string documents, drain(*cursor));
        text += database.key + " " + database.security + "\n" + documents;
    }
    return text;
}

inline Result<std::string> appended(const vault::Vault& vault, const std::string& id) {
    DAVENPORT_ASSIGN(const auto attachments, vault.appended(id));
    std::string text;
    for (const vault::Appended& attachment : attachments) {
        DAVENPORT_ASSIGN(const std::string bytes, vault.appended_bytes(id, attachment.name));
        text += fmt::format("{} {} {}\n", attachment.name, attachment.at_ms, bytes);
    }
    return text;
}

inline Result<std::string> pins(const vault::Vault& vault) {
    DAVENPORT_ASSIGN(const auto pins, vault.pins());
    std::string text;
    for (const auto& [id, pin] : pins) {
        if (!pin.readable) return fail(ErrorCode::corrupt, "{}", pin.reason);
        text += fmt::format("{} {} {} {}\n", id, pin.reason, pin.by, pin.at_ms);
    }
    return text;
}

inline Result<std::string> differences(const vault::Vault& vault, const std::string& before,
                                       const std::string& after) {
    std::string text;
    DAVENPORT_TRY(vault.diff(before, after, [&](const vault::Difference& difference) -> Result<> {
        text += fmt::format("{} {}\n", static_cast<int>(difference.kind), difference.id);
        return {};
    }));
    return text;
}

}  // namespace reading

inline Readings read_everything(const vault::Vault& vault) {
    Readings readings;
    const auto note = [&](std::string what, Result<std::string> text) {
        readings[std::move(what)] =
            text ? std::optional<std::string>(std::move(*text)) : std::nullopt;
    };
    const auto ids = vault.list();
    if (!ids) return readings;
    note("list", Result<std::string>(fmt::format("{}", fmt::join(*ids, " "))));
    for (const std::string& id : *ids) {
        note("download " + id, reading::download(vault, id));
        note("restore " + id, reading::restored(vault, id));
        note("appended " + id, reading::appended(vault, id));
    }
    note("pins", reading::pins(vault));
    note("diff", reading::differences(vault, "one", "five"));
    return readings;
}

}  // namespace davenport::test
