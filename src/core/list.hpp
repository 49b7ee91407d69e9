// An intrusive list whose nodes unlink themselves when they die: that alone makes it safe to drop
// anything that waits, at any moment. No allocation, no ownership; one session's lock guards it.
#pragma once

namespace anynats {
inline namespace v0 {

class ListHook {
public:
    ListHook() noexcept : prev_(this), next_(this) {}
    ListHook(const ListHook&) = delete;
    ListHook& operator=(const ListHook&) = delete;
    ~ListHook() { unlink(); }

    bool linked() const noexcept { return next_ != this; }
    void unlink() noexcept {
        prev_->next_ = next_;
        next_->prev_ = prev_;
        prev_ = next_ = this;
    }

private:
    template <class T>
    friend class List;
    ListHook *prev_, *next_;
};

/// A list of T, which derives from ListHook. A node is in at most one list.
template <class T>
class List {
public:
    bool empty() const noexcept { return !head_.linked(); }
    void push_back(T& node) noexcept {
        ListHook& hook = node;
        hook.unlink();
        hook.prev_ = head_.prev_;
        hook.next_ = &head_;
        head_.prev_->next_ = &hook;
        head_.prev_ = &hook;
    }
    T* front() const noexcept { return empty() ? nullptr : static_cast<T*>(head_.next_); }
    T* pop_front() noexcept {
        T* first = front();
        if (first) static_cast<ListHook*>(first)->unlink();
        return first;
    }
    template <class F>
    void for_each(F visit) const {
        for (ListHook* at = head_.next_; at != &head_;) {
            ListHook* next = at->next_;
            visit(*static_cast<T*>(at));
            at = next;
        }
    }
    /// Move every node to the end of `other`.
    void move_to(List& other) noexcept {
        while (T* node = pop_front()) other.push_back(*node);
    }

private:
    mutable ListHook head_;
};

}  // namespace v0
}  // namespace anynats
