// What -ERR texts mean: their class, and whom a permission violation concerns. The texts are those
// that a real server sends (wire.md 4.1); unknown and damaged ones must mean little and break
// nothing.
#include <gtest/gtest.h>

#include "core/server_errors.hpp"

namespace {

using namespace anynats;
using About = ServerErrorMeaning::About;

TEST(ServerErrors, Classes) {
    struct Known {
        const char* text;
        ErrorCode code;
        bool fatal;
    };
    for (const Known& known : {
             Known{"Authorization Violation", ErrorCode::authorization_error, true},
             Known{"User Authentication Expired", ErrorCode::authorization_error, true},
             Known{"STALE CONNECTION", ErrorCode::stale_connection, true},
             Known{"Maximum Payload Violation", ErrorCode::max_payload, true},
             Known{"Secure Connection - TLS Required", ErrorCode::tls_error, true},
             Known{"maximum connections exceeded", ErrorCode::server_error, true},
             Known{"maximum subscriptions exceeded", ErrorCode::server_error, false},
             Known{"Invalid Subject", ErrorCode::server_error, false},
             Known{"Permissions Violation", ErrorCode::permission_violation, false},
             Known{"something new", ErrorCode::server_error, false},
             Known{"", ErrorCode::server_error, false},
         }) {
        const ServerErrorMeaning meaning = meaning_of(known.text);
        EXPECT_EQ(meaning.code, known.code) << known.text;
        EXPECT_EQ(meaning.fatal, known.fatal) << known.text;
        EXPECT_EQ(meaning.about, About::connection) << known.text;
    }
}

TEST(ServerErrors, PermissionsNameWhatIsForbidden) {
    ServerErrorMeaning meaning = meaning_of("Permissions Violation for Publish to \"a.b\"");
    EXPECT_EQ(meaning.about, About::publish);
    EXPECT_EQ(meaning.subject, "a.b");

    meaning = meaning_of("Permissions Violation for Publish with Reply of \"_INBOX.x.y\"");
    EXPECT_EQ(meaning.about, About::reply);
    EXPECT_EQ(meaning.subject, "_INBOX.x.y");

    meaning = meaning_of("permissions violation for subscription to \"a.>\"");
    EXPECT_EQ(meaning.about, About::subscription);
    EXPECT_EQ(meaning.subject, "a.>");
    EXPECT_EQ(meaning.queue, "");
    EXPECT_EQ(meaning.sid, 0u);

    meaning = meaning_of("Permissions Violation for Subscription to \"a\" using queue \"q\"");
    EXPECT_EQ(meaning.queue, "q");
    EXPECT_EQ(meaning.sid, 0u);

    meaning = meaning_of(
        "Permissions Violation for Subscription to \"a\" using queue \"q\" (sid \"17\")");
    EXPECT_EQ(meaning.subject, "a");
    EXPECT_EQ(meaning.queue, "q");
    EXPECT_EQ(meaning.sid, 17u);
    EXPECT_EQ(meaning_of("Permissions Violation for Subscription to \"a\" (sid \"3\")").sid, 3u);
}

TEST(ServerErrors, DamagedTextsConcernNobody) {
    for (const char* text : {
             "Permissions Violation for Publish to",
             "Permissions Violation for Publish to \"",
             "Permissions Violation for Publish to \"a",
             "Permissions Violation for Publish to \"\"",
             "Permissions Violation for Juggling \"a\"",
         }) {
        const ServerErrorMeaning meaning = meaning_of(text);
        EXPECT_EQ(meaning.code, ErrorCode::permission_violation) << text;
        EXPECT_EQ(meaning.about, About::connection) << text;
    }
    const auto overflow = meaning_of(
        "Permissions Violation for Subscription to \"a\" (sid \"99999999999999999999999\")");
    EXPECT_EQ(overflow.sid, 0u);
    EXPECT_EQ(meaning_of("Permissions Violation for Subscription to \"a\" (sid \"x\")").sid, 0u);
}

}  // namespace
