#include "davenport/chat/imports.hpp"
#include "davenport/http/form.hpp"
#include "family.hpp"

namespace davenport::api::chat {
namespace {

using davenport::chat::Chat;
using davenport::chat::Imports;
using davenport::chat::Resource;
using davenport::chat::Transfer;

// What a form adds to its file: boundaries, headers, and fields that nobody asks for.
constexpr std::uint64_t max_form_bytes = 1u << 20;

Error fault(std::string_view part, std::string_view what) {
    return {ErrorCode::invalid_argument, fmt::format("{}: {}", part, what), {}};
}

// The form of an import, part by part.
class ImportForm {
  public:
    ImportForm(Imports& imports, std::uint64_t max_bytes)
        : imports_(imports), max_bytes_(max_bytes) {}

    Result<> read(const http::Request& request) {
        http::FormLimits limits;
        // The file's own limit is looked at here, to name it.
        limits.max_file_bytes = max_bytes_ + max_form_bytes;
        limits.max_field_bytes = limits.max_fields_bytes = max_form_bytes;
        const std::string_view type = request.headers.get("Content-Type").value_or("");
        DAVENPORT_ASSIGN(auto source, http::body_source(request));
        DAVENPORT_ASSIGN(auto reader, http::MultipartReader::open(type, std::move(source), limits));
        while (true) {
            DAVENPORT_ASSIGN(const http::FormPart* part, reader.next_part());
            if (part == nullptr) break;
            if (part->name == "file") DAVENPORT_TRY(read_file(reader, *part));
            if (part->name == "type") DAVENPORT_TRY(read_type(reader, *part));
        }
        if (!resource_) return fail(fault("type", "it is missing"));
        if (!file_) return fail(fault("file", "it is missing"));
        return {};
    }

    Resource resource() const { return *resource_; }
    blobs::BlobWriter& file() { return *file_; }
    const std::string& file_name() const { return file_name_; }

  private:
    Result<> read_type(http::MultipartReader& reader, const http::FormPart& part) {
        if (resource_) return fail(fault("type", "it stands twice"));
        if (part.is_file()) return fail(fault("type", "it must be a text, not a file"));
        std::string text;
        while (true) {
            DAVENPORT_ASSIGN(const std::string_view piece, reader.next_piece());
            if (piece.empty()) break;
            text += piece;
        }
        DAVENPORT_ASSIGN(resource_, davenport::chat::parse_resource(text));
        return {};
    }

    Result<> read_file(http::MultipartReader& reader, const http::FormPart& part) {
        if (file_) return fail(fault("file", "it stands twice"));
        if (!part.is_file()) return fail(fault("file", "it must be a file, with a file name"));
        file_name_ = *part.filename;
        DAVENPORT_ASSIGN(file_, imports_.new_file());
        while (true) {
            DAVENPORT_ASSIGN(const std::string_view piece, reader.next_piece());
            if (piece.empty()) return {};
            if (file_->size() + piece.size() > max_bytes_)
                return fail(ErrorCode::too_large, "file: it is larger than {} bytes", max_bytes_);
            DAVENPORT_TRY(file_->append(piece));
        }
    }

    Imports& imports_;
    const std::uint64_t max_bytes_;
    std::optional<Resource> resource_;
    std::unique_ptr<blobs::BlobWriter> file_;
    std::string file_name_;
};

json::object errors_of(const Transfer& transfer) {
    if (transfer.status == Transfer::Status::finished) return {};
    json::value data = nullptr;
    if (const json::array* faults = array_member(transfer.details, "faults");
        faults != nullptr && !faults->empty() && faults->front().is_object()) {
        json::object first = faults->front().get_object();
        first["faults"] = *faults;
        data = std::move(first);
    }
    return {{"Message", transfer.error}, {"Data", std::move(data)}};
}

json::object to_json(const Transfer& transfer) {
    const std::string_view resource = davenport::chat::to_text(transfer.resource);
    const std::string_view status = davenport::chat::to_text(transfer.status);
    return {{"created_at", transfer.created_at},
            {"errors", errors_of(transfer)},
            {"original_filename", transfer.original_filename},
            {"resource_name", json::string_view(resource.data(), resource.size())},
            {"size", transfer.size},
            {"status", json::string_view(status.data(), status.size())},
            {"total_rows", transfer.rows},
            {"unique_id", transfer.id}};
}

Result<http::Response> start(Imports& imports, std::uint64_t max_bytes,
                             const http::Request& request, const Chat& chat) {
    ImportForm form(imports, max_bytes);
    DAVENPORT_TRY(form.read(request));
    DAVENPORT_ASSIGN(const Transfer transfer, imports.start(chat.application(), form.resource(),
                                                            form.file_name(), form.file()));
    return results_answer({{"backup_history", to_json(transfer)}});
}

Result<http::Response> list(Imports& imports, const http::Request& request, const Chat& chat) {
    DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
    const std::uint64_t page = parameters.number("page").value_or(1);
    DAVENPORT_TRY(parameters.check());
    DAVENPORT_ASSIGN(const auto transfers, imports.list(chat.application(), page));
    json::array histories;
    for (const Transfer& transfer : transfers) histories.push_back(to_json(transfer));
    return results_answer({{"backup_histories", std::move(histories)}});
}

Result<http::Response> get(Imports& imports, const http::Request& request, const Chat& chat) {
    DAVENPORT_ASSIGN(const Transfer transfer,
                     imports.get(chat.application(), request.capture("id")));
    return results_answer({{"backup_history", to_json(transfer)}});
}

}  // namespace

void add_import_routes(http::Router& router, const Surroundings& surroundings) {
    Imports& imports = surroundings.service.imports();
    const auto max_bytes =
        static_cast<std::uint64_t>(surroundings.service.settings().chat.max_import_bytes);
    add_call(router, surroundings, "POST", "/imports",
             http::BodyPolicy::spool(max_bytes + max_form_bytes),
             [&imports, max_bytes](http::Request& request, Chat& chat) {
                 return start(imports, max_bytes, request, chat);
             });
    const auto body = http::BodyPolicy::text(max_call_bytes);
    add_call(
        router, surroundings, "GET", "/imports", body,
        [&imports](http::Request& request, Chat& chat) { return list(imports, request, chat); });
    add_call(
        router, surroundings, "GET", "/imports/:id", body,
        [&imports](http::Request& request, Chat& chat) { return get(imports, request, chat); });
}

}  // namespace davenport::api::chat
