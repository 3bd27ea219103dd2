#pragma once

#include "blobs.hpp"
#include "documents/edit.hpp"
#include "reader.hpp"

#include <map>

namespace davenport::documents::embedded {

// A write with what was prepared for it before the transaction.
struct PreparedWrite {
    const DocumentWrite* write = nullptr;
    std::optional<Error> error;      // it can't be done, whatever the database holds
    std::vector<StagedBlob> staged;  // runs along with write->attachments
};

// The connection that writes, with its statements. One thread at a time: the database's mutex.
class Writer {
  public:
    static Result<std::unique_ptr<Writer>> open(const std::string& path, const std::string& name,
                                                std::string owner, const EmbeddedOptions& options);

    // not_found, as no_database says it, when the database was dropped.
    Result<> check_exists();

    // A transaction; what was not committed is rolled back at the end of its scope.
    class Transaction {
      public:
        ~Transaction();
        Transaction(Transaction&& other) noexcept
            : writer_(std::exchange(other.writer_, nullptr)) {}
        Transaction& operator=(Transaction&&) = delete;
        // Durable when it returns.
        Result<> commit();

      private:
        friend class Writer;
        explicit Transaction(Writer& writer) : writer_(&writer) {}
        Writer* writer_;
    };
    // Waits for other processes as long as the options allow; not_found once dropped.
    Result<Transaction> begin();
    // The same, but a crash soon after may undo it: for bytes that nothing refers to yet.
    Result<Transaction> begin_relaxed();

    // Inside a transaction. An outcome for every write; an error undoes everything.
    Result<std::vector<WriteOutcome>> write(std::span<PreparedWrite> writes, WriteMode mode,
                                            Atomicity atomicity);
    Result<std::string> put_local(std::string_view id, std::string_view revision,
                                  std::string_view body);
    Result<> remove_local(std::string_view id, std::string_view revision);
    Result<> set_security(std::string_view text);
    Result<> mark_dropped();

    // After a commit, when the log has grown: copies it into the file as far as readers allow.
    void checkpoint();

    Connection& connection() { return *connection_; }
    BlobWriter& blobs() { return blobs_; }
    const State& state() const { return state_; }

  private:
    Writer(std::unique_ptr<Connection> connection, std::string path, std::string owner,
           std::uint32_t busy_timeout_ms);

    void empty_log();
    void count_type(std::string_view type, std::int64_t change);
    Result<> save_types();
    Result<WriteOutcome> write_one(PreparedWrite& prepared, WriteMode mode);
    // The common case of a document that is new; nullopt if it is not.
    Result<std::optional<WriteOutcome>> insert_new(const DocumentWrite& write, WriteMode mode);
    Result<WriteOutcome> edit(PreparedWrite& prepared, WriteMode mode);
    Result<> reference_attachments(std::string_view id, const Edit& edit,
                                   const std::vector<StagedBlob>& staged);
    struct Before {
        bool exists = false;
        bool visible = false;
        bool partial = false;  // the tree holds the winner alone, of more revisions
        std::int64_t sequence = 0;
        std::string type;                          // of the winner, while it is visible
        std::vector<RevisionId> with_attachments;  // leaves
    };
    Result<> store_tree(std::string_view id, RevisionTree& tree, const Before& before,
                        std::int64_t sequence);
    Result<> store_nodes(std::string_view id, const RevisionTree& tree,
                         const RevisionTree::Entry& winner);
    Result<> store_document(std::string_view id, const RevisionTree::Entry& winner,
                            const Before& before, std::int64_t sequence, std::int64_t leaves);
    Result<std::optional<std::int64_t>> local_revision(std::string_view id);

    std::unique_ptr<Connection> connection_;
    const std::string path_;
    const std::uint32_t busy_timeout_ms_;
    DocumentReader reader_;
    BlobWriter blobs_;
    RevisionHasher hasher_;
    State state_;        // of the running transaction
    State saved_state_;  // as it is on disk
    // How many visible documents of a type came or went in the running transaction.
    std::map<std::string, std::int64_t, std::less<>> type_changes_;
    Statement begin_, commit_, rollback_, save_state_, insert_, update_, count_type_, drop_type_,
        put_node_, remove_node_, remove_old_nodes_, local_, put_local_, remove_local_, security_,
        drop_;
};

}  // namespace davenport::documents::embedded
