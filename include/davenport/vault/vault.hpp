#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/base/signature.hpp"
#include "davenport/blobs/blob_store.hpp"
#include "davenport/vault/keys.hpp"
#include "davenport/vault/manifest.hpp"
#include "davenport/vault/segment.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace davenport::vault {

// What is stored, by blob prefix:
//   segments/     records of one database, immutable, shared between backups
//   attachments/  bytes of document attachments, named by their SHA-256
//   manifests/    one JSON text a backup; a backup exists exactly when its manifest does
//   removed/      what stays of a deleted backup: its manifest's hash, so that the chain holds
//   appended/     <backup id>/<n>: attachments that a user appended to a backup afterwards
//   compactions/  "these adjacent segments equal that one", until no one needs the note
//   pins/         <backup id>/<n>: why a backup must not be removed
//   keys/         wrapped keys of an encrypted vault (keys.hpp)
// Write order: data, then manifest. Deletion order: removed/ note, manifest, then data.

struct Appended {  // one attachment appended to a backup by a user
    std::string name;
    std::uint64_t length = 0;  // bytes
    std::int64_t at_ms = 0;
};

// What a vault signs with, and whose signatures it takes.
struct Signing {
    std::shared_ptr<const SigningKey> key;  // null: nothing is signed
    // Oldest first, the key's own last: what a later one has signed, an earlier one can't follow.
    std::vector<VerifyingKey> trusted;  // empty: signatures are not looked at
};

// Why a backup goes; what stays of it says so.
struct Removal {
    std::string reason;  // for a person
    std::string rule{};  // the retention rules that did not keep it; empty = it was asked for
    std::string by{};    // who asked for it
    // The latest that it can be now, for locks, by whoever knows better than the vault's clock,
    // which somebody may have set forward.
    std::optional<std::int64_t> now_ms{};
    // What a doubted manifest says of a lock is not to be relied on: it holds until then, too. Unix
    // milliseconds.
    std::int64_t doubted_until_ms = 0;
};

struct Pin {
    std::string reason, by;
    std::int64_t at_ms = 0;
    bool readable = true;  // a damaged pin holds all the same
};

struct Reclaimed {
    std::uint64_t backups = 0;      // removed
    std::uint64_t segments = 0;     // blobs
    std::uint64_t attachments = 0;  // blobs, appended ones too
    std::uint64_t bytes = 0;        // of all blobs: manifests, pins and notes too
    bool operator==(const Reclaimed&) const = default;
};

struct Finding {            // something that is not as it was written
    std::string backup_id;  // first backup it breaks; empty when it concerns the chain as a whole
    std::string database;   // empty when it is not about one
    std::string object;     // name of the blob
    std::string message;    // what is wrong, for a person, with the affected id range
};

struct Verification {
    std::uint64_t backups = 0;
    std::uint64_t segments = 0;
    std::uint64_t attachments = 0;
    std::uint64_t raw_bytes = 0;  // checked
    // Encrypted, and without the key: their stored bytes were checked, their contents were not.
    std::uint64_t undecrypted = 0;  // segments, attachments and appended attachments
    // The newest backup and the SHA-256 of its manifest. Whoever keeps them elsewhere can tell
    // later that nobody cut off the end of the chain, which the chain alone can't show.
    std::string head_id, head_sha256;
    struct Link {
        std::string id, sha256;  // of the manifest
        std::string key_id;      // that signed the manifest, or the note of its removal
        enum class State { kept, removed } state = State::kept;
    };
    std::vector<Link> chain;     // oldest first
    std::uint64_t appended = 0;  // attachments that users appended: no signature covers them
    // Kept backups with a note of their removal: it was interrupted before the manifest went, or
    // somebody put the backup back. No fault: it is as it was written.
    std::vector<std::string> removal_begun;
    std::vector<Finding> findings;
    bool sound() const { return findings.empty(); }
};

// `changed` with the same revision before and after: the document's other leaves differ.
struct Difference {
    enum class Kind { added, changed, removed };
    Kind kind;
    std::string database;
    std::string id;
    std::string before_revision, after_revision;
};

// The store of backups. Thread-safe. Several processes may have one vault open; commits are
// serialised by the caller (backups exclude each other).
class Vault {
  public:
    static Result<std::unique_ptr<Vault>> open(std::unique_ptr<blobs::BlobStore> store,
                                               const Clock& clock, KeyRing ring = {},
                                               Signing signing = {});
    ~Vault();

    blobs::BlobStore& store();
    // With a key ring that encrypts, everything with a user's content is encrypted from now on.
    // What can't be decrypted, because the ring lacks the key, is `locked`.
    Keys& keys();
    const Keys& keys() const;

    // Reading.
    Result<std::vector<std::string>> list()
        const;  // ids, oldest first (commit order); cheap to call
    // not_found. Without the key `security` stays empty, and `sealed_security` is not.
    Result<Manifest> manifest(std::string_view id) const;
    // What speaks against its manifest; empty: nothing. Also for one that the chain says must be
    // there, or must have a note of its removal, and is or has not. not_found for all others.
    Result<std::string> doubt(std::string_view id) const;
    // The longest time for which any backup was locked when it was made, of those that nothing
    // speaks against; milliseconds. Reads every manifest.
    Result<std::int64_t> longest_lock_ms() const;
    // Whether it comes from elsewhere: signed with a key that is not trusted here, where no trusted
    // key signed anything. Whose it is can't be judged then.
    Result<bool> is_foreign(std::string_view id) const;
    Result<std::shared_ptr<SegmentReader>> open_segment(const SegmentReference& reference) const;
    Result<std::vector<std::shared_ptr<SegmentReader>>> open_segments(
        const DatabaseManifest& database) const;
    // `locked` when some of the backup is encrypted and its key is not here.
    Result<> check_readable(const Manifest& manifest) const;
    // The documents of one database of a backup in id order: the newest record of each id, without
    // tombstones.
    Result<std::unique_ptr<RecordCursor>> documents(const DatabaseManifest& database) const;
    // Read from the beginning to the end, the last read is `corrupt` when the bytes are not those
    // that the name says.
    Result<std::unique_ptr<blobs::BlobReader>> attachment(std::string_view sha256_hex) const;

    // The ids of keys that signed, says the chain, and that are not trusted here: the key was lost
    // or exchanged, or somebody else wrote into the vault. Nothing where no key is trusted.
    Result<std::vector<std::string>> foreign_keys() const;

    // Writing a backup: segments and attachments first, then the commit, which makes the backup
    // exist.
    Result<std::unique_ptr<SegmentWriter>> create_segment(SegmentOptions options = {});
    // Fills previous_id, previous_sha256 and passed_over. already_exists for a used id, also that
    // of a removed backup; `corrupt` when a segment that it names can't be opened, `not_found` when
    // an attachment of a new segment is not there.
    Result<> commit(Manifest manifest);
    // What the next backup of that database goes on from: the newest manifest's entry for it, with
    // finished compactions applied to its segment list. An entry whose segments can't be opened is
    // passed over for an older one, and so is one that is encrypted when new backups are not, or
    // the other way round. nullopt when no backup holds the database: start with a full one.
    // `locked` when the key ring lacks a key.
    Result<std::optional<DatabaseManifest>> base_for(std::string_view database) const;
    // Stores attachment bytes under the hash of what is stored. Equal bytes are stored once; when
    // they are encrypted, only within one process. `source` fills the buffer, 0 = end.
    struct StoredAttachment {
        std::string sha256;    // hex; the blob's name
        std::uint64_t length;  // bytes
    };
    Result<StoredAttachment> put_attachment(
        const std::function<Result<std::size_t>(std::span<char>)>& source);
    Result<bool> has_attachment(std::string_view sha256_hex) const;

    // Attachments that users append to a backup. A name written again replaces. Any id is accepted:
    // whether the backup exists (or is still running) is the caller's to know. Names: 1 to 1,024
    // bytes of UTF-8; at most 64 MiB each.
    Result<> append_attachment(std::string_view backup_id, std::string_view name,
                               std::string_view bytes);
    Result<std::vector<Appended>> appended(
        std::string_view backup_id) const;  // by name, newest of each
    Result<std::string> appended_bytes(std::string_view backup_id, std::string_view name) const;

    // Deletes a backup: its chain note stays in removed/; data no other backup needs is removed,
    // unless something speaks against some other manifest. Data that could not be removed after the
    // backup is gone is left to collect_garbage; it is no error. in_use, with nothing removed, when
    // the backup is pinned or locked.
    Result<std::uint64_t> remove(std::string_view id, const Removal& why);  // bytes given back
    Result<std::uint64_t> remove(std::string_view id, std::string_view reason) {
        return remove(id, Removal{.reason = std::string(reason)});
    }

    // Removing many at once: what is needed is found out once, not once a backup.
    struct Doomed {
        std::string id;
        Removal why;
    };
    // What `prune` of these would give back, exactly: every blob that no other backup needs, those
    // included that nothing needed before (left behind by a crash or an earlier prune, or
    // replaced). Changes nothing. `corrupt` as in `prune`.
    Result<Reclaimed> weigh(const std::vector<std::string>& ids) const;
    // Removes the backups, oldest first, then all data that nothing needs any more. Can be
    // interrupted at any point: what it removed is removed whole, what it left is whole, and the
    // next prune gives back what this one did not. A backup that is gone, or was pinned meanwhile,
    // is passed over. `corrupt`, with nothing removed, while a segment of a backup that stays can't
    // be read, or something speaks against any manifest, all of which are read anew. An error of
    // `progress` (backups done) ends it with that error. Excludes backups, as commits do.
    Result<Reclaimed> prune(const std::vector<Doomed>& doomed,
                            const std::function<Result<>(std::uint64_t)>& progress);

    // Pins. A pinned backup can't be removed. Pinning again replaces the reason (at most 1,024
    // bytes of UTF-8). not_found; in_use when its removal has begun; unpinning what is not pinned
    // is fine. Thread-safe, and safe beside a prune in another process.
    Result<> pin(std::string_view id, std::string_view reason, std::string_view by);
    Result<> unpin(std::string_view id);
    Result<std::map<std::string, Pin>> pins() const;  // by backup id
    // Removes segments, attachments and notes that nothing refers to (garbage of crashes), when
    // they are older than `age_seconds`. Not while a backup runs. `corrupt`, with nothing removed
    // but temporary files, while something speaks against a manifest: what it needs is unknown.
    Result<std::uint64_t> collect_garbage(std::uint64_t age_seconds);

    // Merges adjacent newer segments of a database (size-tiered) until base_for() would give at
    // most `max_segments`. Returns how many segments it wrote. Safe to interrupt at any point.
    // `locked` where it would have to read what it has no key for. `beat` is asked before every
    // record; its error ends it. May be empty.
    Result<unsigned> compact(std::string_view database, unsigned max_segments = 8,
                             const std::function<Result<>()>& beat = {});

    // Re-reads everything that the given backups need (all backups when empty) and the whole chain.
    // `progress` (raw bytes so far, raw bytes in all) may be empty; its error ends it.
    using VerifyProgress = std::function<Result<>(std::uint64_t, std::uint64_t)>;
    Result<Verification> verify(const std::vector<std::string>& ids,
                                const VerifyProgress& progress) const;

    // A file that shows whoever has the public key that a document with this content was in the
    // backup, or that none was (proof.hpp). not_found: no such backup, or no such database in it;
    // `unsupported`: the backup is not signed.
    Result<std::string> prove(std::string_view backup_id, std::string_view database,
                              std::string_view document) const;

    // Calls `visit` for every document that differs, database by database in id order, reading only
    // segments that the two backups do not share. `beat` as in `compact`.
    Result<> diff(std::string_view before_id, std::string_view after_id,
                  const std::function<Result<>(const Difference&)>& visit,
                  const std::function<Result<>()>& beat = {}) const;

  private:
    struct Impl;
    explicit Vault(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace davenport::vault
