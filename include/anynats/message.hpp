// One received message: a slice of the chunk that the socket was read into, kept alive by a
// reference. Nothing is copied until somebody asks for it; the headers are parsed on demand.
// A Message may be moved to another thread; the chunk's count is atomic. ADR-4 (headers).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <anynats/error.hpp>
#include <anynats/export.hpp>

namespace anynats {
inline namespace v0 {

/// Headers in the order they came; a name may occur several times and keeps its case.
class ANYNATS_API Headers {
public:
    using Field = std::pair<std::string, std::string>;

    Headers() = default;
    Headers(std::initializer_list<Field> fields) : fields_(fields) {}

    /// Append one value. When sent, names must be RFC 9110 tokens and values free of CR, LF, NUL.
    void add(std::string name, std::string value);

    /// The first value of `name`, compared with its case; null when there is none.
    const std::string* get(std::string_view name) const noexcept;

    /// The first value of `name` in any case; null when there is none.
    const std::string* find(std::string_view name) const noexcept;

    /// Every value of `name`, in order.
    std::vector<std::string> all(std::string_view name) const;

    bool empty() const noexcept { return fields_.empty(); }
    std::size_t size() const noexcept { return fields_.size(); }
    auto begin() const noexcept { return fields_.begin(); }
    auto end() const noexcept { return fields_.end(); }
    friend bool operator==(const Headers&, const Headers&) = default;

private:
    std::vector<Field> fields_;
};

/// The memory a socket was read into, counted; see core/chunk.hpp.
struct Chunk;

/// A counted reference to a Chunk.
class ANYNATS_API ChunkRef {
public:
    ChunkRef() = default;
    explicit ChunkRef(Chunk* chunk) noexcept;  // takes a new reference
    /// A reference that has been counted already.
    static ChunkRef adopt(Chunk* chunk) noexcept {
        ChunkRef ref;
        ref.chunk_ = chunk;
        return ref;
    }
    ChunkRef(const ChunkRef& other) noexcept;
    ChunkRef(ChunkRef&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
    ChunkRef& operator=(ChunkRef other) noexcept {
        std::swap(chunk_, other.chunk_);
        return *this;
    }
    ~ChunkRef() {
        if (chunk_) release();
    }
    Chunk* get() const noexcept { return chunk_; }

private:
    void release() noexcept;
    Chunk* chunk_ = nullptr;
};

/// Where the parts of a message lie, from the start of its subject on the wire.
struct MessageLayout {
    std::uint32_t subject_size = 0;
    std::uint32_t reply_at = 0, reply_size = 0;
    std::uint32_t headers_at = 0, headers_size = 0;
    std::uint32_t payload_at = 0, payload_size = 0;
};

class ANYNATS_API Message {
public:
    Message() = default;
    Message(ChunkRef chunk, const char* base, MessageLayout layout, std::uint64_t sid) noexcept
        : chunk_(std::move(chunk)), base_(base), layout_(layout), sid_(sid) {}

    /// Views into the message, valid as long as it lives.
    std::string_view subject() const noexcept { return {base_, layout_.subject_size}; }
    std::string_view reply() const noexcept { return part(layout_.reply_at, layout_.reply_size); }
    std::string_view payload() const noexcept {
        return part(layout_.payload_at, layout_.payload_size);
    }
    /// The header block as it came, with its version line and blank line; empty without headers.
    std::string_view raw_headers() const noexcept {
        return part(layout_.headers_at, layout_.headers_size);
    }
    bool has_headers() const noexcept { return layout_.headers_size != 0; }

    /// Parse the headers; lines that are not `Name: value` are left out (see header_error).
    Headers headers() const;
    /// Tell whether the header block breaks the grammar of ADR-4; the message came all the same.
    bool header_error() const noexcept;
    /// The three-digit status of the version line, 0 when there is none.
    int status() const noexcept;
    /// The text behind the status, maybe empty.
    std::string_view description() const noexcept;

    /// The subscription's id on the connection it came by.
    std::uint64_t sid() const noexcept { return sid_; }
    /// Bytes that count against a subscription's limit: subject, reply, headers and payload.
    std::size_t size() const noexcept {
        return std::size_t{layout_.subject_size} + layout_.reply_size + layout_.headers_size +
               layout_.payload_size;
    }
    /// The same message in memory of its own, so that it does not keep its chunk alive.
    Message to_owned() const;
    const ChunkRef& chunk() const noexcept { return chunk_; }
    const MessageLayout& layout() const noexcept { return layout_; }

private:
    std::string_view part(std::uint32_t at, std::uint32_t size) const noexcept {
        return size ? std::string_view{base_ + at, size} : std::string_view{};
    }
    ChunkRef chunk_;
    const char* base_ = "";
    MessageLayout layout_;
    std::uint64_t sid_ = 0;
};

/// Parse a raw header block (ADR-4), as `Message::headers` does.
ANYNATS_API Headers parse_headers(std::string_view block);

}  // namespace v0
}  // namespace anynats
