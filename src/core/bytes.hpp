// A growing run of bytes with a front that can be consumed: what waits to be sent.
// One owner at a time; growing may throw std::bad_alloc and then changes nothing.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace anynats {
inline namespace v0 {

class Bytes {
public:
    std::string_view view() const noexcept { return {data_.get() + head_, size()}; }
    std::size_t size() const noexcept { return tail_ - head_; }
    std::size_t capacity() const noexcept { return capacity_; }
    bool empty() const noexcept { return head_ == tail_; }

    /// Room for `n` bytes at the end; follow with grow_by of at most `n`.
    char* reserve(std::size_t n) {
        if (capacity_ - tail_ < n) make_room(n);
        return data_.get() + tail_;
    }
    void grow_by(std::size_t n) noexcept { tail_ += n; }
    void append(std::string_view bytes) {
        if (bytes.empty()) return;
        std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
        grow_by(bytes.size());
    }
    void consume(std::size_t n) noexcept {
        head_ += n;
        if (head_ == tail_) head_ = tail_ = 0;
    }
    void clear() noexcept { head_ = tail_ = 0; }
    char* front() noexcept { return data_.get() + head_; }
    /// Keep only the first `n` bytes.
    void truncate(std::size_t n) noexcept {
        tail_ = head_ + n;
        if (n == 0) clear();
    }
    /// Give the memory back when it has grown beyond `keep` bytes and holds nothing.
    void shrink(std::size_t keep) noexcept {
        if (empty() && capacity_ > keep) {
            data_.reset();
            capacity_ = 0;
        }
    }

private:
    void make_room(std::size_t n) {
        const std::size_t used = size();
        if (head_ >= n && head_ >= used) {  // the consumed front is room enough, and cheap to take
            std::memcpy(data_.get(), data_.get() + head_, used);
        } else {
            std::size_t wanted = capacity_ ? capacity_ * 2 : 4096;
            while (wanted - used < n) wanted *= 2;
            std::unique_ptr<char[]> larger(new char[wanted]);
            if (used) std::memcpy(larger.get(), data_.get() + head_, used);
            data_ = std::move(larger);
            capacity_ = wanted;
        }
        head_ = 0;
        tail_ = used;
    }

    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0, head_ = 0, tail_ = 0;
};

}  // namespace v0
}  // namespace anynats
