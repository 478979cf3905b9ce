/* SPDX-License-Identifier: Apache-2.0
 * Names above the blobs and uploads in parts, in the database; signed URLs; paths that are opened
 * below a folder. */
#include "store_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/signed.h"
#include "base/fs.h"
#include "base/limits.h"
#include "track/artifact.h"
#include "track/upload.h"

#define D1 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define D2 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static int names(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    struct artifact x, *list;
    size_t n;
    MUST(artifact_put(tx, "0/run/artifacts/model/MLmodel", D1, 3, err));
    MUST(artifact_put(tx, "0/run/artifacts/a.txt", D1, 3, err));
    MUST(artifact_put(tx, "0/run/artifacts/a.txt", D2, 0, err)); /* again: another meaning */
    MUST(artifact_put(tx, "0/run2/x", D1, 3, err));
    MUST(artifact_list(tx, a, "0/run/artifacts", &list, &n, err));
    CHECK_INT(n, 2);
    CHECK_STR(list[0].name, "a.txt");
    CHECK_STR(list[0].digest, D2);
    CHECK(list[1].digest == NULL);
    MUST(artifact_list(tx, a, "", &list, &n, err));
    CHECK_INT(n, 1);
    MUST(artifact_walk(tx, a, "0", &list, &n, err));
    CHECK_INT(n, 3);
    MUST(artifact_get(tx, a, "0/run/artifacts/model", &x, err));
    CHECK(x.digest == NULL);
    CHECK_INT(artifact_put(tx, "0/run/artifacts/model", D1, 3, NULL), ERR_INVALID);
    CHECK_INT(artifact_put(tx, "0/run/artifacts/a.txt/b", D1, 3, NULL), ERR_INVALID);
    CHECK_INT(artifact_put(tx, "0/run/artifacts/a.txt/b/c/d", D1, 3, NULL), ERR_INVALID);
    CHECK_INT(artifact_put(tx, "../x", D1, 3, NULL), ERR_INVALID);
    CHECK_INT(artifact_get(tx, a, "0/nope", &x, NULL), ERR_NOT_FOUND);
    MUST(artifact_remove(tx, "0/run", err));
    CHECK_INT(artifact_get(tx, a, "0/run/artifacts/model/MLmodel", &x, NULL), ERR_NOT_FOUND);
    MUST(artifact_get(tx, a, "0/run2/x", &x, err)); /* a longer name is another one */
    MUST(artifact_remove(tx, "0/run", err));
    return 0;
}

TEST(artifact_names)
{
    in_write(names);
}

static int deep(struct tx *tx, void *arg, struct err *err)
{
    struct artifact x;
    char path[3000];
    for (size_t i = 0; i < sizeof path - 2; i += 2)
        memcpy(path + i, "d/", 2);
    path[sizeof path - 2] = 'f';
    path[sizeof path - 1] = '\0';
    MUST(artifact_put(tx, path, D1, 3, err));
    MUST(artifact_get(tx, arg, path, &x, err));
    MUST(artifact_remove(tx, "d", err));
    CHECK_INT(artifact_get(tx, arg, path, &x, NULL), ERR_NOT_FOUND);
    return 0;
}

TEST(artifact_names_deep)
{
    in_write(deep);
}

static int parts(struct tx *tx, void *arg, struct err *err)
{
    struct upload u = { .id = "u1", .path = "0/x", .part_count = 2 };
    struct upload_part p = { 2, D1, 3 }, *list;
    size_t n;
    u.expires_ms = tx_now_ms(tx) + 1000;
    MUST(upload_create(tx, &u, err));
    MUST(upload_part_put(tx, "u1", &p, err));
    p.number = 1;
    MUST(upload_part_put(tx, "u1", &p, err));
    p.digest = D2;
    MUST(upload_part_put(tx, "u1", &p, err));
    p.number = 3;
    CHECK_INT(upload_part_put(tx, "u1", &p, NULL), ERR_INVALID);
    CHECK_INT(upload_part_put(tx, "u2", &p, NULL), ERR_NOT_FOUND);
    MUST(upload_parts(tx, arg, "u1", &list, &n, err));
    CHECK_INT(n, 2);
    CHECK_STR(list[0].digest, D2);
    MUST(upload_join_begin(tx, "u1", "me", err));
    CHECK_INT(upload_join_begin(tx, "u1", "me", NULL), ERR_UNAVAILABLE);
    MUST(upload_join_begin(tx, "u1", "the next server", err));
    CHECK_INT(upload_done(tx, "u1", "me", NULL), ERR_CONFLICT);
    CHECK_INT(upload_done(tx, "aborted", "me", NULL), ERR_CONFLICT);
    MUST(upload_done(tx, "u1", "the next server", err));
    p.number = 1;
    CHECK_INT(upload_part_put(tx, "u1", &p, NULL), ERR_CONFLICT);
    MUST(upload_get(tx, arg, "u1", &u, err));
    CHECK_STR(u.joiner, "done");
    u = (struct upload){ .id = "old", .path = "0/y", .part_count = 1, .expires_ms = 1 };
    MUST(upload_create(tx, &u, err));
    CHECK_INT(upload_get(tx, arg, "old", &u, NULL), ERR_NOT_FOUND);
    MUST(upload_sweep(tx, err));
    CHECK_INT(upload_abort(tx, "old", NULL), ERR_NOT_FOUND);
    MUST(upload_abort(tx, "u1", err));
    return 0;
}

TEST(artifact_uploads)
{
    in_write(parts);
}

TEST(signed_urls)
{
    unsigned char key[SIGNED_KEY_BYTES], again[SIGNED_KEY_BYTES];
    struct arena a;
    struct stat st;
    char query[SIGNED_QUERY_MAX];
    struct err e = ERR_INIT;
    arena_init(&a, MIB(1));
    const char *path = fs_join(&a, test_tmpdir(), "key");
    CHECK_OK(signed_key_load(path, key, err));
    CHECK_OK(signed_key_load(path, again, err));
    CHECK(memcmp(key, again, sizeof key) == 0);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    signed_query(key, "PUT", "/a/1", 1000, query);
    CHECK(strncmp(query, "expires=1000&signature=", 23) == 0);
    str_t sig = str_of(query + 23), put = STR("PUT"), until = STR("1000");
    CHECK_OK(signed_check(key, put, STR("/a/1"), until, sig, 1000, err));
    CHECK_INT(signed_check(key, put, STR("/a/1"), until, sig, 1001, &e), ERR_DENIED);
    CHECK(strstr(e.msg, "expired"));
    CHECK_INT(signed_check(key, put, STR("/a/2"), until, sig, 1, NULL), ERR_DENIED);
    CHECK_INT(signed_check(key, STR("GET"), STR("/a/1"), until, sig, 1, NULL), ERR_DENIED);
    CHECK_INT(signed_check(key, put, STR("/a/1"), STR("10000"), sig, 1, NULL), ERR_DENIED);
    CHECK_INT(signed_check(key, put, STR("/a/1"), (str_t){ NULL, 0 }, (str_t){ NULL, 0 }, 1, NULL),
              ERR_DENIED);
    CHECK_OK(fs_write_atomic(path, STR("short"), err));
    CHECK_INT(signed_key_load(path, again, NULL), ERR_CORRUPT);
    arena_fini(&a);
}

TEST(fs_open_beneath_stays)
{
    struct arena a;
    AUTO(fd_auto) int fd = -1;
    arena_init(&a, MIB(1));
    const char *top = test_tmpdir(), *root = fs_join(&a, top, "root");
    CHECK_OK(fs_mkdirs(fs_join(&a, root, "d"), err));
    CHECK_OK(fs_write_atomic(fs_join(&a, root, "d/f"), STR("in"), err));
    CHECK_OK(fs_write_atomic(fs_join(&a, top, "out"), STR("out"), err));
    CHECK_INT(symlink("../../out", fs_join(&a, root, "d/up")), 0);
    CHECK_INT(symlink(top, fs_join(&a, root, "d/absolute")), 0);
    CHECK_INT(symlink("f", fs_join(&a, root, "d/in")), 0);
    CHECK_OK(fs_open_beneath(root, "d/f", O_RDONLY, &fd, err));
    fd_auto(&fd);
    CHECK_OK(fs_open_beneath(root, "d/in", O_RDONLY, &fd, err));
    fd_auto(&fd);
    CHECK_INT(fs_open_beneath(root, "d/in", O_RDONLY | O_NOFOLLOW, &fd, NULL), ERR_DENIED);
    CHECK_INT(fs_open_beneath(root, "d/up", O_RDONLY, &fd, NULL), ERR_DENIED);
    CHECK_INT(fs_open_beneath(root, "d/absolute/out", O_RDONLY, &fd, NULL), ERR_DENIED);
    CHECK_INT(fs_open_beneath(root, "../out", O_RDONLY, &fd, NULL), ERR_DENIED);
    CHECK_INT(fs_open_beneath(root, "/etc/passwd", O_RDONLY, &fd, NULL), ERR_DENIED);
    CHECK_INT(fs_open_beneath(root, "d/f/x", O_RDONLY, &fd, NULL), ERR_NOT_FOUND);
    CHECK_INT(fs_open_beneath(root, "nope", O_RDONLY, &fd, NULL), ERR_NOT_FOUND);
    CHECK_INT(fd, -1);
    arena_fini(&a);
}
