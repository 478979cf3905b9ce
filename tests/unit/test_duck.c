/* SPDX-License-Identifier: Apache-2.0
 * The fence around DuckDB, and a file that changes under its reader. Needs the engine
 * (scripts/setup-engines); without it the tests say so and pass. */
#include "test.h"

#include "base/atomic.h"
#include "base/engine.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/thread.h"
#include "data/csv.h"
#include "data/duck_int.h"

static int have_engine(struct arena *a)
{
    struct engine e;
    arena_init(a, GIB(1));
    int found = engine_find(a, "duckdb", &e, NULL) == 0;
    if (!found) {
        (void)printf("# skipped: DuckDB is not installed (scripts/setup-engines)\n");
        arena_fini(a);
    }
    return found;
}

TEST(duck_is_fenced)
{
    static const char *const refused[] = {
        "SELECT count(*) FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/hostname')",
        "SET enable_external_access=true",
        "SET allowed_paths=['/etc/passwd']",
        "SET memory_limit='1GB'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "ATTACH '/tmp/slipway-test.db'",
        "COPY (SELECT 1) TO '/tmp/slipway-test.csv'",
        "SELECT * FROM 'https://example.com/x.csv'",
        "SELECT getenv('HOME')",
    };
    struct arena a;
    struct duck d;
    duck_result r;
    if (!have_engine(&a))
        return;
    char *path = fs_join(&a, test_tmpdir(), "it's.csv");
    CHECK_OK(fs_write_cache(path, STR("a,b\n1,2\n"), err));
    const char *files[] = { path };
    struct duck_options o = { .threads = 1, .files = files, .file_n = 1 };
    CHECK_OK(duck_open(&a, &o, &d, err));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (duck_query(&d, refused[i], &r, NULL) == 0)
            TEST_FAIL("allowed: %s", refused[i]);
    struct buf sql;
    buf_init(&sql, KIB(4));
    buf_puts(&sql, "SELECT * FROM read_csv(");
    duck_put_literal(&sql, str_of(path));
    buf_puts(&sql, ")");
    CHECK_OK(duck_query(&d, sql.p, &r, err)); /* what it was opened for */
    d.api.destroy_result(&r);
    buf_fini(&sql);
    duck_close(&d);
    arena_fini(&a);
}

TEST(duck_memory_is_limited)
{
    struct arena a;
    struct duck d;
    duck_result r;
    struct err e = ERR_INIT;
    if (!have_engine(&a))
        return;
    struct duck_options o = { .threads = 1, .memory_limit_bytes = MIB(50) };
    CHECK_OK(duck_open(&a, &o, &d, err));
    CHECK(duck_query(&d, "SELECT list(i) FROM range(50000000) t(i)", &r, &e) != 0);
    CHECK(strstr(e.msg, "Out of Memory") != NULL);
    duck_close(&d);
    arena_fini(&a);
}

static flag_t stop;
static char changing[512];
static str_t bytes;

static void *replace_file(void *arg)
{
    (void)arg;
    while (!flag_is_up(&stop))
        IGNORE(fs_write_cache(changing, bytes, NULL));
    return NULL;
}

TEST(csv_file_that_changes_is_an_error)
{
    struct arena a;
    struct buf b;
    struct csv_result r;
    struct err e = ERR_INIT;
    pthread_t writer;
    struct csv_source source = { .name = "d", .path = "changing.csv", .header = -1 };
    struct csv_options o = { .project_dir = test_tmpdir(), .threads = 1 };
    if (!have_engine(&a))
        return;
    buf_init(&b, MIB(8));
    buf_puts(&b, "a,b\n");
    for (int i = 0; i < 100000; i++)
        buf_printf(&b, "%d,%d\n", i, i * 3);
    bytes = buf_view(&b);
    (void)snprintf(changing, sizeof changing, "%s/changing.csv", test_tmpdir());
    CHECK_OK(fs_write_cache(changing, bytes, err));
    CHECK_OK(thread_start(&writer, "writer", replace_file, NULL, err));
    int rc = csv_read(&a, &source, &o, &r, &e);
    flag_raise(&stop);
    thread_join(writer);
    CHECK_INT(rc, ERR_CONFLICT);
    CHECK_STR(e.msg,
              "'changing.csv' changed while it was being read; run again when nobody writes to it");
    CHECK_OK(csv_read(&a, &source, &o, &r, err));
    buf_fini(&b);
    arena_fini(&a);
}
