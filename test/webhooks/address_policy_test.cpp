#include "davenport/webhooks/address_policy.hpp"

#include "webhooks_support.hpp"

using namespace davenport;
using namespace davenport::webhooks;
using namespace davenport::webhooks::test;

namespace {

AddressPolicy::Resolver resolving_to(std::vector<std::string> addresses) {
    return [addresses = std::move(addresses)](
               const std::string&) -> Result<std::vector<std::string>> { return addresses; };
}

}  // namespace

TEST_CASE("refused ranges, at both of their ends") {
    for (const auto* address :
         {"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
          "100.100.100.200", "127.0.0.0", "127.0.0.1", "127.255.255.255", "168.63.129.16",
          "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255",
          "192.0.0.0", "192.0.0.255", "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255",
          "198.18.0.0", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1",
          "239.255.255.255", "240.0.0.0", "255.255.255.255", "::", "::1", "::2", "::127.0.0.1",
          "::8.8.8.8", "::ffff:0:8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
          "::ffff:a9fe:a9fe", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.1.2.3",
          "64:ff9b:1::8.8.8.8", "64:ff9b:1:ffff::1", "100::1", "2001::1", "2001:0:ffff::1",
          "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff:ffff::1", "2001:db8::1",
          "2001:db8:ffff::1", "2002:7f00:1::", "2002:808:808::1", "2002::", "3fff::1",
          "3fff:fff::1", "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "febf::1", "fec0::1",
          "ff02::1", "5f00::1", "4000::1", "1fff::1",
          // no numeric address at all
          "", "localhost", "127.1", "0x7f.1", "2130706433", "127.0.0.1 ", "[::1]", "fe80::1%eth0",
          "1.2.3.4.5", "8.8.8", "256.1.1.1"}) {
        CAPTURE(address);
        CHECK(AddressPolicy::is_refused_range(address));
    }
    for (const auto* address : {"1.0.0.0",         "8.8.8.8",
                                "9.255.255.255",   "11.0.0.0",
                                "100.63.255.255",  "100.128.0.0",
                                "126.255.255.255", "128.0.0.0",
                                "168.63.129.15",   "169.253.255.255",
                                "169.255.0.0",     "172.15.255.255",
                                "172.32.0.0",      "191.255.255.255",
                                "192.0.1.0",       "192.0.3.0",
                                "192.167.255.255", "192.169.0.0",
                                "198.17.255.255",  "198.20.0.0",
                                "223.255.255.255", "2000::1",
                                "2001:200::1",     "2001:db7:ffff::1",
                                "2001:db9::1",     "2001:4860:4860::8888",
                                "2003::1",         "2606:4700::1111",
                                "3ffe::1",         "3fff:1000::1",
                                "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8"}) {
        CAPTURE(address);
        CHECK_FALSE(AddressPolicy::is_refused_range(address));
    }
}

TEST_CASE("spellings of refused addresses in URLs") {
    auto policy = policy_allowing({});
    bool asked = false;
    policy.set_resolver([&](const std::string& host) -> Result<std::vector<std::string>> {
        asked = true;
        UNSCOPED_INFO("asked the resolver for " << host);
        return std::vector<std::string>{"127.0.0.1"};
    });
    for (const auto* url : {"http://127.0.0.1",
                            "http://127.0.0.1/x",
                            "HTTP://127.0.0.1:80/",
                            "https://127.0.0.1:443/",
                            "http://2130706433/",
                            "http://0x7f000001/",
                            "http://0x7f.1/",
                            "http://127.1/",
                            "http://127.0.1/",
                            "http://0177.0.0.1/",
                            "http://017700000001/",
                            "http://127.0.0.1./",
                            "http://0/",
                            "http://0.0.0.0/",
                            "http://[::1]/",
                            "http://[0:0:0:0:0:0:0:1]:80/",
                            "http://[::ffff:127.0.0.1]/",
                            "http://[::ffff:7f00:1]/",
                            "http://[64:ff9b::7f00:1]/",
                            "http://169.254.169.254/latest/meta-data/",
                            "http://[fd00:ec2::254]/",
                            "http://%31%32%37.0.0.1/",
                            "http://[fe80::1]/",
                            "http://[::]/",
                            "http://10.0.0.8:8080/"}) {
        CAPTURE(url);
        CHECK(code_of(policy.resolve(url)) == ErrorCode::forbidden);
    }
    CHECK_FALSE(asked);
    for (const auto* url : {"http://localhost/", "http://LOCALHOST./", "http://anything.test/",
                            "http://xn--bcher-kva.test/"}) {
        CAPTURE(url);
        CHECK(code_of(policy.resolve(url)) == ErrorCode::forbidden);
    }
}

TEST_CASE("what is no URL to post to") {
    auto policy = policy_allowing({"0.0.0.0/0", "::/0"});
    policy.set_resolver(resolving_to({"127.0.0.1"}));
    REQUIRE(policy.resolve("http://a.test/"));
    for (const std::string& url :
         {std::string(""),
          std::string("x"),
          std::string("a.test"),
          std::string("a.test/hook"),
          std::string("//a.test/"),
          std::string("http:"),
          std::string("http://"),
          std::string("http:///path"),
          std::string("http:/a.test/"),
          std::string("http:a.test"),
          std::string("http://b\xc3\xbc"
                      "cher.test/"),
          std::string("http://b%C3%BCcher.test/"),
          std::string("http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/"),
          std::string("http://:80/"),
          std::string("http://./"),
          std::string("ftp://a.test/"),
          std::string("file:///etc/passwd"),
          std::string("gopher://a.test/"),
          std::string("javascript:alert(1)"),
          std::string("http://user@a.test/"),
          std::string("http://user:pw@a.test/"),
          std::string("http://:pw@a.test/"),
          std::string("http://a.test:0/"),
          std::string("http://a.test:65536/"),
          std::string("http://a.test:-1/"),
          std::string("http://a.test:http/"),
          std::string("http://a.test:80:90/"),
          std::string("http://a test/"),
          std::string("http://a.test/a b"),
          std::string(" http://a.test/"),
          std::string("http://a.test/ "),
          std::string("http://a.test/\r\nX: y"),
          std::string("http://a.test/\t"),
          std::string("http://a.test/\0", 15),
          std::string("http://a.test\x7f/"),
          std::string("http://a.test/\xff"),
          std::string("http://[::1"),
          std::string("http://[x]/"),
          std::string("http://[fe80::1%25eth0]/"),
          std::string("http://a.test\\@b.test/"),
          "http://a.test/" + std::string(5000, 'x')}) {
        CAPTURE(url);
        const auto refused = policy.resolve(url);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == ErrorCode::invalid_argument);
    }
    // Messages repeat nothing that may be secret.
    for (const auto* url : {"http://user:hunter2@a.test/", "http://a.test:0/hunter2",
                            "ftp://a.test/?hunter2", "http://a.test/hunter2 "}) {
        const auto refused = policy.resolve(url);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("public targets") {
    auto policy = policy_allowing({});
    policy.set_resolver([](const std::string& host) -> Result<std::vector<std::string>> {
        if (host == "two.test")
            return std::vector<std::string>{"8.8.8.8", "2606:4700::1", "8.8.8.8"};
        if (host == "mixed.test") return std::vector<std::string>{"8.8.8.8", "10.0.0.1"};
        if (host == "empty.test") return std::vector<std::string>{};
        if (host == "odd.test") return std::vector<std::string>{"not numeric"};
        return fail(ErrorCode::unavailable, "no such host");
    });
    const auto target = policy.resolve("HTTPS://Two.Test./hook?x=1#y");
    REQUIRE(target);
    CHECK(target->scheme == "https");
    CHECK(target->host == "two.test");
    CHECK(target->port == 443);
    CHECK(target->addresses == std::vector<std::string>{"8.8.8.8", "2606:4700::1"});
    CHECK(policy.resolve("http://two.test:8080/")->port == 8080);
    CHECK(policy.resolve("http://two.test")->port == 80);
    CHECK(policy.resolve("http://134744072/")->addresses == std::vector<std::string>{"8.8.8.8"});
    CHECK(policy.resolve("http://[2606:4700::1]:81/")->port == 81);
    CHECK(code_of(policy.resolve("http://mixed.test/")) == ErrorCode::forbidden);
    CHECK(code_of(policy.resolve("http://odd.test/")) == ErrorCode::forbidden);
    CHECK(code_of(policy.resolve("http://empty.test/")) == ErrorCode::unavailable);
    CHECK(code_of(policy.resolve("http://none.test/")) == ErrorCode::unavailable);
}

TEST_CASE("the real resolver") {
    const auto policy = policy_allowing({});
    CHECK(code_of(policy.resolve("http://localhost/")) == ErrorCode::forbidden);
    CHECK(policy_allowing({"localhost"}).resolve("http://localhost:81/"));
}

TEST_CASE("what is allowed all the same") {
    struct Row {
        const char* entry;
        const char* url;
        bool allowed;
    };
    const Row rows[] = {
        {"127.0.0.1:9000", "http://127.0.0.1:9000/", true},
        {"127.0.0.1:9000", "http://127.0.0.1:9001/", false},
        {"127.0.0.1:9000", "http://127.0.0.2:9000/", false},
        {"127.0.0.1", "http://127.0.0.1:1/", true},
        {"127.0.0.1", "http://127.1/", true},
        {"127.0.0.1", "http://[::1]/", false},
        {"10.1.0.0/16", "http://10.1.255.255/", true},
        {"10.1.0.0/16", "http://10.2.0.0/", false},
        {"10.1.0.0/16:8080", "http://10.1.0.1:8080/", true},
        {"10.1.0.0/16:8080", "http://10.1.0.1/", false},
        {"10.0.0.0/9", "http://10.127.0.1/", true},
        {"10.0.0.0/9", "http://10.128.0.1/", false},
        {"0.0.0.0/0", "http://10.128.0.1/", true},
        {"0.0.0.0/0", "http://[::1]/", false},
        {"[::1]:80", "http://[::1]/", true},
        {"[::1]:80", "http://[::1]:81/", false},
        {"::1", "http://[::1]:81/", true},
        {"fd00::/8", "http://[fd12::1]/", true},
        {"[fd00::/8]:443", "https://[fd12::1]/", true},
        {"[fd00::/8]:443", "http://[fd12::1]/", false},
        {"hooks.internal", "http://hooks.internal/", true},
        {"Hooks.Internal", "http://HOOKS.internal.:99/", true},
        {"hooks.internal:80", "http://hooks.internal:99/", false},
        {"hooks.internal", "http://other.internal/", false},
        {"hooks.internal", "http://x.hooks.internal/", false},
        {"192.168.7.7", "http://any.internal/", true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.entry, row.url);
        auto policy = policy_allowing({row.entry});
        policy.set_resolver(resolving_to({"192.168.7.7"}));
        const auto target = policy.resolve(row.url);
        CHECK(target.has_value() == row.allowed);
        if (!row.allowed) CHECK(code_of(target) == ErrorCode::forbidden);
    }
    for (const std::string entry : {"",
                                    " ",
                                    ":",
                                    ":80",
                                    "a:0",
                                    "a:65536",
                                    "a:x",
                                    "a:",
                                    "[::1",
                                    "::1]",
                                    "[::1]x",
                                    "[::1]:",
                                    "[a]:80",
                                    "[127.0.0.1]:80",
                                    "10.0.0.1/16",
                                    "10.0.0.0/33",
                                    "10.0.0.0/",
                                    "10.0.0.0/-1",
                                    "::/129",
                                    "fd00::1/8",
                                    "10.1",
                                    "0x7f.1",
                                    "300.1.1.1",
                                    "a/8",
                                    "a b",
                                    "a..b",
                                    ".a",
                                    "a.",
                                    "*",
                                    "*.a",
                                    "http://a",
                                    "a@b",
                                    "1::2::3"}) {
        CAPTURE(entry);
        const auto refused = AddressPolicy::create({"127.0.0.1", entry});
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == ErrorCode::invalid_argument);
        CHECK(refused.error().message.find("\"" + entry + "\"") != std::string::npos);
    }
}
