/* SPDX-License-Identifier: Apache-2.0
 * Frames of an import, good and malformed; what webhooks are made of: base64, HMAC, addresses. */
#include "test.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/proc.h"
#include "base/rng.h"
#include "codec/base64.h"
#include "codec/fernet.h"
#include "codec/hash.h"
#include "fetch/fetch.h"
#include "registry/webhook.h"
#include "transfer/pg_url.h"
#include "transfer/wire.h"

TEST(base64_of_rfc_4648)
{
    static const char *const pairs[][2] = { { "", "" },
                                            { "f", "Zg==" },
                                            { "fo", "Zm8=" },
                                            { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" },
                                            { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" } };
    struct arena a;
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        CHECK_STR(base64_encode(&a, str_of(pairs[i][0])), pairs[i][1]);
    CHECK_STR(base64_encode(&a, (str_t){ "\xff\xfe\xfd", 3 }), "//79");
    arena_fini(&a);
}

/* RFC 4231, test cases 2 and 6; and a signature as Python's hmac makes it. */
TEST(hmac_sha256_of_rfc_4231)
{
    unsigned char mac[SHA256_BYTES];
    char key[131];
    struct arena a;
    arena_init(&a, 1 << 16);
    hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), mac);
    CHECK_STR(base64_encode(&a, (str_t){ (const char *)mac, sizeof mac }),
              "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    memset(key, 0xaa, sizeof key);
    hmac_sha256((str_t){ key, sizeof key },
                STR("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
    CHECK_STR(base64_encode(&a, (str_t){ (const char *)mac, sizeof mac }),
              "YOQxWR7gtn8Niiaqy/W3f44LxiE3KMUUBUYEDw7jf1Q=");
    arena_fini(&a);
}

/* generate.json of the Fernet specification, and what is no token of that key. */
TEST(fernet_of_its_specification)
{
    static const char key_text[] = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    static const char token[] =
        "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhu"
        "VUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
    static const char *const bad[] = {
        "",
        "A",
        "gAAA",
        "%%%%",
        "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF",
        /* another version, time, IV, text, signature */
        "gQAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_"
        "5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4I"
        "wqDA==",
        "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_"
        "5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4I"
        "wqDA==",
        "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0OEC021cpGVWKZ_eEwCGM4BLLF_"
        "5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4I"
        "wqDA==",
        "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLG_"
        "5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4I"
        "wqDA==",
        "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_"
        "5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4I"
        "wqEA==",
    };
    unsigned char iv[16];
    struct fernet_key key, other;
    struct arena a;
    str_t plain;
    char fresh[FERNET_KEY_TEXT];
    arena_init(&a, 1 << 20);
    for (int i = 0; i < 16; i++)
        iv[i] = (unsigned char)i;
    CHECK_OK(fernet_key_parse(str_of(key_text), &key, err));
    CHECK_STR(fernet_seal_with(&a, &key, STR("hello"), 499162800, iv), token);
    CHECK_OK(fernet_open(&a, &key, str_of(token), &plain, err));
    CHECK_VIEW(plain, "hello");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK_INT(fernet_open(&a, &key, str_of(bad[i]), &plain, NULL), ERR_DENIED);
    fernet_key_make(fresh);
    CHECK_OK(fernet_key_parse(str_of(fresh), &other, err));
    CHECK_INT(fernet_open(&a, &other, str_of(token), &plain, NULL), ERR_DENIED);
    for (size_t n = 0; n < 40; n++) {
        static const char text[] = "0123456789012345678901234567890123456789";
        char *sealed = fernet_seal(&a, &other, (str_t){ text, n }, 1);
        CHECK_OK(fernet_open(&a, &other, str_of(sealed), &plain, err));
        CHECK(plain.n == n && memcmp(plain.p, text, n) == 0);
        sealed[30] = sealed[30] == 'A' ? 'B' : 'A';
        CHECK_INT(fernet_open(&a, &other, str_of(sealed), &plain, NULL), ERR_DENIED);
    }
    CHECK_INT(fernet_key_parse(STR("short"), &key, NULL), ERR_INVALID);
    CHECK_INT(fernet_key_parse(STR("!w_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="), &key, NULL),
              ERR_INVALID);
    arena_fini(&a);
}

static int is_public(const char *text)
{
    struct sockaddr_in in4 = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1)
        return fetch_is_public((const struct sockaddr *)&in4);
    CHECK_INT(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return fetch_is_public((const struct sockaddr *)&in6);
}

TEST(addresses_that_are_public)
{
    static const char *const yes[] = { "8.8.8.8",         "1.1.1.1",           "172.15.255.255",
                                       "172.32.0.1",      "100.63.255.255",    "100.128.0.1",
                                       "192.167.255.255", "223.255.255.255",   "2606:4700::1111",
                                       "::ffff:8.8.8.8",  "2002:0808:0808::1", "64:ff9b::8.8.8.8" };
    static const char *const no[] = {
        "0.0.0.0",
        "10.1.2.3",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "64:ff9b::10.0.0.1",
        "2001:0:1::1",
    };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (!is_public(yes[i]))
            TEST_FAIL("%s is public", yes[i]);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (is_public(no[i]))
            TEST_FAIL("%s is not public", no[i]);
}

TEST(webhook_payload_as_mlflow_writes_it)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    CHECK_STR(webhook_payload(&a, "model_version_tag.set", 1700000000123, "{\"name\":\"m\"}"),
              "{\"entity\":\"model_version_tag\",\"action\":\"set\",\"timestamp\":"
              "\"2023-11-14T22:13:20.123000+00:00\",\"data\":{\"name\":\"m\"}}");
    arena_fini(&a);
}

/* What is written to a pipe and then closed. */
static int pipe_with(str_t bytes)
{
    int fds[2];
    CHECK_OK(proc_pipe(fds, err));
    CHECK_OK(fs_write_all(fds[1], bytes, "pipe", err));
    (void)close(fds[1]);
    return fds[0];
}

static void frame_of_points(struct wire_out *w)
{
    wire_out_init(w, -1);
    wire_begin(w, WIRE_POINTS);
    wire_text(w, STR("loss"));
    wire_bytes(w, (str_t){ "\0\1\2", 3 });
    wire_end(w);
    wire_begin(w, WIRE_EXPERIMENT);
    wire_int(w, 7);
    wire_text(w, STR("n"));
    wire_none(w);
    wire_text(w, STR("active"));
    wire_int(w, -1);
    wire_none(w);
    wire_end(w);
}

static const char *setting(const struct pg_url *u, const char *key)
{
    for (size_t i = 0; i < u->n; i++)
        if (strcmp(u->keys[i], key) == 0)
            return u->values[i];
    return "";
}

TEST(urls_of_postgresql)
{
    static const struct {
        const char *url, *host, *port, *user, *password, *name, *shown;
    } cases[] = {
        { "postgresql://ana:secret@db.lan:5433/mlflow", "db.lan", "5433", "ana", "secret", "mlflow",
          "postgresql://db.lan:5433/mlflow" },
        { "postgres://db/x", "db", "", "", "", "x", "postgresql://db:5432/x" },
        { "postgresql+psycopg2://a:p%40%3a%2Fq@[::1]:1/x?sslmode=require", "::1", "1", "a", "p@:/q",
          "x", "postgresql://[::1]:1/x" },
        { "postgresql://a:p@q@h/x", "h", "", "a", "p@q", "x", "postgresql://h:5432/x" },
        { "postgresql:///x?host=/run/pg&port=7&user=a&password=b", "/run/pg", "7", "a", "b", "x",
          "postgresql:///run/pg:7/x" },
        { "postgresql://a@h", "h", "", "a", "", "", "postgresql://h:5432/a" },
        { "postgresql://", "", "", "", "", "", "postgresql://localhost:5432/" },
    };
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pg_url u;
        CHECK(pg_url_is(cases[i].url));
        CHECK_OK(pg_url_parse(&a, cases[i].url, &u, err));
        CHECK_STR(setting(&u, "host"), cases[i].host);
        CHECK_STR(setting(&u, "port"), cases[i].port);
        CHECK_STR(setting(&u, "user"), cases[i].user);
        CHECK_STR(u.password ? u.password : "", cases[i].password);
        CHECK_STR(setting(&u, "dbname"), cases[i].name);
        CHECK_STR(u.shown, cases[i].shown);
        CHECK(u.keys[u.n] == NULL);
    }
    arena_fini(&a);
}

TEST(bad_urls_of_postgresql_are_not_repeated)
{
    static const char *const cases[] = {
        "postgresql://u:hunter%/x",           "postgresql://u:hunter/2@h/x",
        "postgresql://u:hunter%00@h/x",       "postgresql://u:hunter@h:x/x",
        "postgresql://u:hunter@h:70000/x",    "postgresql://u:hunter@[::1/x",
        "postgresql://u:hunter@h/x?a=hunter", "postgresql://u:hunter@h/x?service=hunter",
        "postgresql://u:hunter%zz@h/x",       "postgresql://u:hunter@h/x?sslmode=%f",
    };
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pg_url u;
        struct err err = ERR_INIT;
        CHECK_INT(pg_url_parse(&a, cases[i], &u, &err), ERR_INVALID);
        CHECK(err.msg[0] && !strstr(err.msg, "hunter"));
    }
    CHECK(!pg_url_is("postgresqlx://h/x"));
    CHECK(!pg_url_is("mysql://h/x"));
    arena_fini(&a);
}

TEST(frames_come_as_they_went)
{
    struct wire_out w;
    struct wire_in in;
    struct wire_frame f;
    frame_of_points(&w);
    struct err e = ERR_INIT, *err = &e;
    wire_in_init(&in, pipe_with(buf_view(&w.b)));
    CHECK_INT(wire_next(&in, &f, err), 1);
    CHECK_INT(f.kind, WIRE_POINTS);
    CHECK_VIEW(f.field[0].t, "loss");
    CHECK_INT(f.field[1].t.n, 3);
    CHECK_INT(wire_next(&in, &f, err), 1);
    CHECK_INT(f.kind, WIRE_EXPERIMENT);
    CHECK_INT(f.field[0].i, 7);
    CHECK(f.field[2].type == 'n' && f.field[5].type == 'n');
    CHECK_INT(f.field[4].i, -1);
    CHECK_INT(wire_next(&in, &f, err), 0);
    (void)close(in.fd);
    wire_in_fini(&in);
    wire_out_fini(&w);
}

/* The parent believes nothing: any bytes give frames that are whole, or an error. */
TEST(malformed_frames_are_refused)
{
    struct err e = ERR_INIT, *err = &e;
    struct rng r;
    rng_seed(&r, 5);
    for (int round = 0; round < 3000; round++) {
        struct wire_out w;
        struct wire_in in;
        struct wire_frame f;
        int rc;
        frame_of_points(&w);
        for (uint64_t n = 1 + rng_below(&r, 4); n > 0; n--)
            w.b.p[rng_below(&r, w.b.n)] = (char)rng_u64(&r);
        size_t cut = rng_below(&r, 3) ? w.b.n : (size_t)rng_below(&r, w.b.n);
        wire_in_init(&in, pipe_with((str_t){ w.b.p, cut }));
        while ((rc = wire_next(&in, &f, err)) == 1)
            for (int i = 0; i < f.n; i++)
                CHECK(f.field[i].type != 't' || strlen(f.field[i].t.p) == f.field[i].t.n);
        CHECK(rc == 0 || rc == ERR_CORRUPT);
        (void)close(in.fd);
        wire_in_fini(&in);
        wire_out_fini(&w);
    }
}
