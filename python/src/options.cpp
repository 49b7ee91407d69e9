// See options.hpp. Each kind of the generated table (options_table.inc) is one overload-like
// function read_<kind>; a new option of a known kind needs no change here.
#include "options.hpp"

#include <limits>

#include "arguments.hpp"
#include "errors.hpp"

namespace anynats::python {
namespace {

template <class Enum>
struct Word {
    const char* text;
    Enum value;
};

template <class Enum, std::size_t n>
bool read_word(PyObject* value, const char* name, const Word<Enum> (&words)[n], Enum& out) {
    std::string_view text;
    if (!read_text(value, name, text)) return false;
    std::string choices;
    for (const Word<Enum>& word : words) {
        if (text == word.text) {
            out = word.value;
            return true;
        }
        choices += choices.empty() ? "" : " or ";
        choices += word.text;
    }
    return refuse(name, ("must be " + choices).c_str());
}

constexpr Word<SlowConsumerPolicy> slow_consumer_words[] = {
#define ANYNATS_OPTION_WORD(kind, type, word) ANYNATS_WORD_##kind(type, word)
#define ANYNATS_WORD_enum_slow_consumer(type, word) {#word, type::word},
#define ANYNATS_WORD_enum_discovered_servers(type, word)
#include "options_table.inc"
#undef ANYNATS_WORD_enum_slow_consumer
#undef ANYNATS_WORD_enum_discovered_servers
};
constexpr Word<DiscoveredServers> discovered_servers_words[] = {
#define ANYNATS_OPTION_WORD(kind, type, word) ANYNATS_WORD_##kind(type, word)
#define ANYNATS_WORD_enum_slow_consumer(type, word)
#define ANYNATS_WORD_enum_discovered_servers(type, word) {#word, type::word},
#include "options_table.inc"
#undef ANYNATS_WORD_enum_slow_consumer
#undef ANYNATS_WORD_enum_discovered_servers
};

bool read_enum_slow_consumer(PyObject* value, const char* name, SlowConsumerPolicy& out) {
    return read_word(value, name, slow_consumer_words, out);
}

bool read_enum_discovered_servers(PyObject* value, const char* name, DiscoveredServers& out) {
    return read_word(value, name, discovered_servers_words, out);
}

bool read_str(PyObject* value, const char* name, std::string& out) {
    std::string_view text;
    if (!read_text(value, name, text)) return false;
    out = text;
    return true;
}

bool read_opt_str(PyObject* value, const char* name, std::optional<std::string>& out) {
    if (value == Py_None) return true;
    return read_str(value, name, out.emplace());
}

bool read_duration(PyObject* value, const char* name, std::chrono::nanoseconds& out) {
    return read_seconds(value, name, out);
}

template <class Number>
bool read_number(PyObject* value, const char* name, Number& out) {
    std::uint64_t number;
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
    if (!read_count(value, name, most, number)) return false;
    out = static_cast<Number>(number);
    return true;
}

bool read_u32(PyObject* value, const char* name, std::uint32_t& out) {
    return read_number(value, name, out);
}

bool read_size(PyObject* value, const char* name, std::size_t& out) {
    return read_number(value, name, out);
}

bool read_opt_u32(PyObject* value, const char* name, std::optional<std::uint32_t>& out) {
    return value == Py_None || read_number(value, name, out.emplace());
}

bool read_opt_size(PyObject* value, const char* name, std::optional<std::size_t>& out) {
    return value == Py_None || read_number(value, name, out.emplace());
}

}  // namespace

bool read_str_list(PyObject* value, const char* name, std::vector<std::string>& out) {
    out.clear();
    if (PyUnicode_Check(value)) return read_str(value, name, out.emplace_back());
    constexpr const char* wanted = "str or a list of str";
    const bool is_list = PyList_Check(value) || PyTuple_Check(value) || PyIter_Check(value) ||
                         (PySequence_Check(value) && !PyObject_CheckBuffer(value));
    if (!is_list) return refuse_type(name, wanted, value);
    const nb::object items = nb::steal(PySequence_List(value));
    if (!items.is_valid()) return false;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.ptr()); ++i) {
        PyObject* const item = PyList_GET_ITEM(items.ptr(), i);
        if (!read_str(item, name, out.emplace_back())) return false;
    }
    return true;
}

std::optional<SlowConsumerPolicy> read_policy(PyObject* value) {
    if (value == Py_None) return {};
    SlowConsumerPolicy policy;
    require(read_enum_slow_consumer(value, "slow_consumer", policy));
    return policy;
}

Options read_options(const nb::dict& keywords) {
    Options options;
    for (const auto& [key, value] : keywords) {
        std::string_view name;
        require(read_text(key.ptr(), "an option's name", name));
#define ANYNATS_OPTION(kind, option)                                \
    if (name == #option) {                                          \
        require(read_##kind(value.ptr(), #option, options.option)); \
        continue;                                                   \
    }
#include "options_table.inc"
        PyErr_Format(PyExc_TypeError, "there is no option %R", key.ptr());
        throw nb::python_error();
    }
    return options;
}

}  // namespace anynats::python
