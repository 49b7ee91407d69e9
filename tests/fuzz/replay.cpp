// Feeds files to a fuzz target where no libFuzzer is: each argument is a file or a folder of them.
// An input that breaks the target ends the process; no input at all is a failure too.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz.hpp"

namespace {

std::vector<std::filesystem::path> files_of(int count, char** arguments) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < count; ++i) {
        const std::filesystem::path path = arguments[i];
        if (!std::filesystem::is_directory(path)) {
            files.push_back(path);
            continue;
        }
        for (const auto& entry : std::filesystem::directory_iterator(path)) {
            if (entry.is_regular_file()) files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

int main(int count, char** arguments) {
    const std::vector<std::filesystem::path> files = files_of(count, arguments);
    for (const std::filesystem::path& file : files) {
        std::printf("%s\n", file.string().c_str());
        std::fflush(stdout);  // the last one named is the one that broke the target
        std::ifstream stream(file, std::ios::binary);
        if (!stream) return 1;
        const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
        const fuzz::Exact input{bytes};
        const auto* data = reinterpret_cast<const std::uint8_t*>(input.view().data());
        if (LLVMFuzzerTestOneInput(data, input.view().size()) != 0) return 1;
    }
    std::printf("%zu inputs\n", files.size());
    return files.empty() ? 1 : 0;
}
