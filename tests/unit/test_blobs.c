/* SPDX-License-Identifier: Apache-2.0
 * Blobs and data folders: addressing, damage, trees, the lock and who holds it. */
#include "test.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "store/home.h"

static struct arena arena;

static char *at(const char *name)
{
    if (!arena.max_bytes)
        arena_init(&arena, 64 << 20);
    return fs_join(&arena, test_tmpdir(), name);
}

static struct blobs *open_blobs(void)
{
    struct blobs *b = NULL;
    CHECK_OK(blobs_open(&b, at("blobs"), err));
    return b;
}

TEST(blobs_put_get)
{
    struct blobs *b = open_blobs();
    char d[SHA256_HEX], d2[SHA256_HEX], *path;
    str_t back;
    int64_t bytes;
    CHECK_OK(blobs_put(b, STR("abc"), d, err));
    CHECK_STR(d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_OK(blobs_get(b, &arena, d, 100, &back, err));
    CHECK_VIEW(back, "abc");
    CHECK_OK(fs_write_atomic(at("f"), STR("abc"), err));
    CHECK_OK(blobs_put_file(b, at("f"), d2, &bytes, err));
    CHECK_STR(d2, d);
    CHECK_INT(bytes, 3);
    CHECK_OK(fs_write_atomic(at("f"), STR("abcd"), err));
    CHECK_OK(blobs_put_file(b, at("f"), d2, &bytes, err));
    CHECK_OK(blobs_get(b, &arena, d2, 100, &back, err));
    CHECK_VIEW(back, "abcd");
    CHECK_INT(blobs_get(b, &arena, d2, 3, &back, NULL), ERR_LIMIT);
    CHECK_OK(blobs_put(b, STR(""), d, err));
    CHECK_OK(blobs_get(b, &arena, d, 0, &back, err));
    CHECK_INT(back.n, 0);
    CHECK_INT(blobs_path(b, &arena, "../../etc/passwd", &path, NULL), ERR_INVALID);
    d[0] = d[0] == '0' ? '1' : '0';
    CHECK_INT(blobs_get(b, &arena, d, 9, &back, NULL), ERR_NOT_FOUND);
    const char **names;
    size_t n;
    CHECK_OK(fs_list(&arena, at("blobs/tmp"), &names, &n, err));
    CHECK_INT(n, 0);
    blobs_close(b);
}

TEST(blobs_damage_is_told)
{
    struct blobs *b = open_blobs();
    char d[SHA256_HEX], *path;
    str_t back;
    struct err e = ERR_INIT;
    CHECK_OK(blobs_put(b, STR("hello"), d, err));
    CHECK_OK(blobs_path(b, &arena, d, &path, err));
    CHECK_OK(fs_write_atomic(path, STR("hellO"), err));
    CHECK_INT(blobs_get(b, &arena, d, 100, &back, &e), ERR_CORRUPT);
    CHECK(strstr(e.msg, d));
    CHECK_OK(fs_write_atomic(path, STR("he"), err)); /* a torn copy is written anew */
    CHECK_OK(blobs_put(b, STR("hello"), d, err));
    CHECK_OK(blobs_get(b, &arena, d, 100, &back, err));
    CHECK_OK(fs_write_atomic(path, STR("hellO"), err)); /* so is one of the right size */
    CHECK_OK(blobs_put(b, STR("hello"), d, err));
    CHECK_OK(blobs_get(b, &arena, d, 100, &back, err));
    CHECK_OK(fs_write_atomic(path, STR("jello"), err));
    CHECK_OK(fs_write_atomic(at("f"), STR("hello"), err));
    CHECK_OK(blobs_put_file(b, at("f"), d, NULL, err));
    CHECK_OK(blobs_get(b, &arena, d, 100, &back, err));
    CHECK_VIEW(back, "hello");
    blobs_close(b);
}

TEST(blobs_fault_leaves_nothing)
{
    struct blobs *b = open_blobs();
    int failures = 0;
    for (uint64_t n = 1; n < 20; n++) {
        str_t back, text = str_of(arena_printf(&arena, "precious %d", (int)n));
        char d[SHA256_HEX], want[SHA256_HEX];
        struct err e = ERR_INIT;
        sha256_of(text, want);
        fs_fail_after(n, ENOSPC);
        int rc = blobs_put(b, text, d, &e);
        fs_fail_after(0, 0);
        int got = blobs_get(b, &arena, want, 100, &back, NULL);
        CHECK(rc == 0 || rc == ERR_NO_SPACE);
        CHECK(got == 0 || (rc && got == ERR_NOT_FOUND)); /* whole or absent; whole when told so */
        failures += rc != 0;
        CHECK_OK(blobs_put(b, text, d, err));
    }
    CHECK(failures >= 3);
    blobs_close(b);
}

TEST(blobs_tree_round_trip)
{
    struct blobs *b = open_blobs();
    char d[SHA256_HEX], d2[SHA256_HEX];
    struct tree_entry *list;
    size_t n;
    int64_t bytes;
    CHECK_OK(fs_mkdirs(at("m/sub"), err));
    CHECK_OK(fs_write_atomic(at("m/MLmodel"), STR("x: 1\n"), err));
    CHECK_OK(fs_write_atomic(at("m/sub/model.onnx"), STR("abc"), err));
    CHECK_OK(blobs_put_tree(b, &arena, at("m"), d, &bytes, err));
    CHECK_INT(bytes, 8);
    CHECK_OK(blobs_tree(b, &arena, d, &list, &n, err));
    CHECK_INT(n, 2);
    CHECK_STR(list[0].path, "MLmodel");
    CHECK_STR(list[1].path, "sub/model.onnx");
    CHECK_STR(list[1].digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_OK(blobs_put_tree(b, &arena, at("m"), d2, &bytes, err));
    CHECK_STR(d2, d);
    CHECK_INT(symlink("/etc/passwd", at("m/link")), 0);
    CHECK_INT(blobs_put_tree(b, &arena, at("m"), d, &bytes, NULL), ERR_INVALID);
    CHECK_INT(blobs_tree(b, &arena, list[1].digest, &list, &n, NULL), ERR_INVALID);
    blobs_close(b);
}

/* ---- home ---- */

TEST(home_find_order)
{
    char *dir, *project;
    CHECK_OK(fs_mkdirs(at("p/deep/er"), err));
    CHECK_INT(setenv("XDG_DATA_HOME", "/nowhere/xdg", 1), 0);
    CHECK_OK(home_find(&arena, NULL, at("p/deep"), &dir, &project, err));
    CHECK_STR(dir, "/nowhere/xdg/slipway");
    CHECK(!project);
    CHECK_OK(fs_write_atomic(at("p/slipway.yaml"), STR("\n"), err));
    CHECK_OK(home_find(&arena, NULL, at("p/deep/er"), &dir, &project, err));
    CHECK_STR(dir, at("p/.slipway"));
    CHECK_STR(project, at("p"));
    CHECK_OK(home_find(&arena, "data", at("p"), &dir, NULL, err));
    CHECK_STR(dir, at("p/data"));
    CHECK_INT(home_find(&arena, "", at("p"), &dir, NULL, NULL), ERR_INVALID);
}

TEST(home_open_layout)
{
    struct home *h = NULL;
    char *dir = at("data");
    CHECK_INT(home_open(&h, &(struct home_options){ .dir = dir, .read_only = 1 }, NULL),
              ERR_NOT_FOUND);
    CHECK_OK(home_open(&h, &(struct home_options){ .dir = dir, .create = 1 }, err));
    CHECK(fs_exists(at("data/blobs/sha256")) && fs_exists(at("data/runs")) &&
          fs_exists(at("data/cache")));
    struct home *reader = NULL;
    CHECK_OK(home_open(&reader, &(struct home_options){ .dir = dir, .read_only = 1 }, err));
    home_close(reader);
    home_close(h);
}

TEST(home_lock_and_owner)
{
    struct home *h = NULL, *second = NULL;
    struct home_owner who;
    struct err e = ERR_INIT;
    char *dir = at("data");
    int pipes[2];
    CHECK_OK(home_open(&h, &(struct home_options){ .dir = dir, .create = 1 }, err));
    CHECK_INT(home_owner(dir, &who), 0);
    CHECK_INT(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) { /* holds it and dies without a word */
        struct home *mine = NULL;
        if (home_open(&mine, &(struct home_options){ .dir = dir, .read_only = 1 }, NULL) != 0 ||
            home_lock(mine, "server", "http://127.0.0.1:5000", 0, NULL) != 0)
            _Exit(1);
        IGNORE(write(pipes[1], "x", 1));
        for (;;)
            (void)pause();
    }
    char c;
    CHECK_INT(read(pipes[0], &c, 1), 1);
    CHECK_INT(home_owner(dir, &who), 1);
    CHECK_INT(who.pid, child);
    CHECK_STR(who.role, "server");
    CHECK_STR(who.url, "http://127.0.0.1:5000");
    CHECK_INT(home_lock(h, "cli", NULL, 60, &e), ERR_UNAVAILABLE);
    CHECK(strstr(e.msg, "http://127.0.0.1:5000"));
    CHECK_INT(kill(child, SIGKILL), 0);
    CHECK_INT(waitpid(child, NULL, 0), child);
    CHECK_INT(home_owner(dir, &who), 0); /* stale text is not believed */
    CHECK_OK(home_lock(h, "cli", NULL, 1000, err));
    CHECK_OK(home_lock(h, "cli", NULL, 0, err));
    home_unlock(h);
    CHECK_INT(home_owner(dir, &who), 1);
    CHECK_INT(who.pid, getpid());
    CHECK_STR(who.url, "");
    CHECK_OK(home_open(&second, &(struct home_options){ .dir = dir, .read_only = 1 }, err));
    CHECK_INT(home_lock(second, "cli", NULL, 0, NULL), ERR_UNAVAILABLE);
    home_unlock(h);
    CHECK_OK(home_lock(second, "cli", NULL, 0, err));
    home_close(second);
    home_close(h);
}

TEST(home_tells_a_lost_database)
{
    struct home *h = NULL;
    struct home_options o = { .dir = at("lost"), .create = 1 };
    char d[SHA256_HEX];
    CHECK_INT(home_lost_database(o.dir), 0);
    CHECK_OK(home_open(&h, &o, err));
    CHECK_OK(blobs_put(h->blobs, STR("x"), d, err));
    home_close(h);
    CHECK_INT(home_lost_database(o.dir), 0);
    CHECK_OK(fs_write_atomic(at("lost/slipway.db"), STR(""), err));
    CHECK_INT(home_lost_database(o.dir), 1);
    CHECK_OK(fs_remove(at("lost/slipway.db"), err));
    CHECK_INT(home_lost_database(o.dir), 1);
}
