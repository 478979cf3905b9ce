/* SPDX-License-Identifier: Apache-2.0
 * Permissions, tokens and the decisions at the door. */
#include "test.h"

#include "access/guard.h"
#include "base/fs.h"

static const char *write_tokens(str_t text)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/tokens", test_tmpdir());
    CHECK_OK(fs_write_atomic(path, text, err));
    return path;
}

TEST(permission_table_is_sound)
{
    size_t n;
    const struct permission *t = permission_table(&n);
    CHECK(n > 10);
    for (size_t i = 0; i < n; i++) {
        CHECK(permission_find(t[i].name) == &t[i]);
        CHECK(t[i].role >= ACCESS_READER && t[i].role <= ACCESS_ADMIN);
        CHECK(strlen(t[i].prose) > 10);
    }
    CHECK(permission_is_known("public") && !permission_is_known("model.raed"));
}

TEST(token_file)
{
    struct tokens *t = NULL;
    struct err e = ERR_INIT;
    char actor[TOKEN_ACTOR_MAX];
    CHECK_OK(tokens_load(
        &t, write_tokens(STR("# mine\n\n0123456789abcdef\nfedcba9876543210 reader board\r\n")),
        err));
    CHECK_INT(tokens_count(t), 2);
    CHECK_INT(tokens_check(t, STR("0123456789abcdef"), actor), ACCESS_ADMIN);
    CHECK_STR(actor, "token:9f9f5111");
    CHECK_INT(tokens_check(t, STR("fedcba9876543210"), actor), ACCESS_READER);
    CHECK_STR(actor, "token:board");
    CHECK_INT(tokens_check(t, STR("0123456789abcdeF"), actor), ACCESS_NONE);
    CHECK_INT(tokens_check(t, STR(""), actor), ACCESS_NONE);
    tokens_free(t);
    CHECK_INT(tokens_load(&t, write_tokens(STR("# none\n")), &e), ERR_INVALID);
    CHECK_INT(tokens_load(&t, write_tokens(STR("\nshort\n")), &e), ERR_INVALID);
    CHECK(strstr(e.msg, ":2:") && !strstr(e.msg, "short"));
    CHECK_INT(tokens_load(&t, write_tokens(STR("0123456789abcdef king\n")), &e), ERR_INVALID);
    CHECK_INT(tokens_load(&t, "/no/such/file", &e), ERR_NOT_FOUND);
}

TEST(guard_permissions)
{
    struct guard g = { 0 };
    struct identity who;
    struct tokens *t = NULL;
    CHECK_INT(guard_permit(&g, "model.write", (str_t){ NULL, 0 }, &who, NULL), 0);
    CHECK_STR(who.actor, "anonymous");
    CHECK_OK(tokens_load(
        &t, write_tokens(STR("0123456789abcdef editor ci\nfedcba9876543210 reader\n")), err));
    g.tokens = t;
    CHECK_INT(guard_permit(&g, "model.read", (str_t){ NULL, 0 }, &who, NULL), ERR_DENIED);
    CHECK(who.must_log_in);
    CHECK_INT(guard_permit(&g, "public", (str_t){ NULL, 0 }, &who, NULL), 0);
    CHECK_INT(guard_permit(&g, "model.read", STR("Bearer wrong-wrong-wrong-wrong"), &who, NULL),
              ERR_DENIED);
    CHECK(who.must_log_in);
    CHECK_INT(guard_permit(&g, "model.write", STR("bearer 0123456789abcdef"), &who, NULL), 0);
    CHECK_STR(who.actor, "token:ci");
    CHECK_INT(guard_permit(&g, "admin", STR("Bearer 0123456789abcdef"), &who, NULL), ERR_DENIED);
    CHECK(!who.must_log_in);
    CHECK_INT(guard_permit(&g, "model.write", STR("Bearer fedcba9876543210"), &who, NULL),
              ERR_DENIED);
    CHECK_INT(guard_permit(&g, "model.read", STR("Bearer fedcba9876543210"), &who, NULL), 0);
    CHECK_INT(guard_permit(&g, "no.such", STR("Bearer 0123456789abcdef"), &who, NULL), ERR_DENIED);
    tokens_free(t);
}
