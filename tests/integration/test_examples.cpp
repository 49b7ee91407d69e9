// The first programs of examples/cpp run against a real server, say what they should, and end.
#include <cstdio>
#include <string>

#include "../support/nats_server.hpp"
#include "../support/watch.hpp"

namespace {

using namespace test_support;

#ifdef ANYNATS_EXAMPLES

/// What a program prints, and "ends with N" when its exit code is not 0.
std::string output_of(const std::string& command) {
    FILE* const pipe = ::popen(command.c_str(), "r");
    std::string text;
    char buffer[4096];
    while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, n);
    const int status = ::pclose(pipe);
    return status ? text + "ends with " + std::to_string(status) : text;
}

class Examples : public testing::Test {
protected:
    std::string run(const char* name) {
        std::string command = ANYNATS_EXAMPLES "/example_";
        command.append(name).append(1, ' ').append(server.url());
        return output_of(command);
    }
    const EndsWithin limit{60};
    NatsServer server;
};

TEST_F(Examples, PublishSubscribe) {
    EXPECT_EQ(run("publish_subscribe"),
              "sensors.kitchen: 21.5 C\nsensors.cellar: 12.0 C\n"
              "of 10 jobs, the two workers got 10\n");
}

TEST_F(Examples, RequestReply) {
    const std::string text = run("request_reply");
    EXPECT_TRUE(text.starts_with("7 * 7 = 49\nthe sum of 100 squares is 328350\nrequest on "))
        << text;
}

TEST_F(Examples, Callbacks) {
    EXPECT_EQ(run("callbacks"), "event: connected\nreply: hello!\nevent: closed\n");
}

TEST_F(Examples, Coroutines) {
    EXPECT_EQ(run("coroutines"), "counted to 100\n");
}

TEST_F(Examples, PollLoop) {
    EXPECT_EQ(run("poll_loop"), "7 * 7 = 49\n");
}

TEST_F(Examples, AsioService) {
    const std::string text = run("asio_service");
    EXPECT_TRUE(text.starts_with("7 * 7 = 49\nrequest on \"nobody.listens\"")) << text;
}

TEST_F(Examples, SayWhatIsWrong) {
    server.kill();
    EXPECT_TRUE(run("poll_loop").ends_with("ends with 256"));
    EXPECT_TRUE(run("asio_service").ends_with("ends with 256"));
    EXPECT_TRUE(run("request_reply").ends_with("ends with 256"));
    EXPECT_TRUE(run("callbacks").ends_with("ends with 256"));
    EXPECT_TRUE(run("coroutines").ends_with("ends with 256"));
}

#endif

}  // namespace
