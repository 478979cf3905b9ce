/* SPDX-License-Identifier: Apache-2.0
 * CSV files that are right, odd and hostile. Needs DuckDB (scripts/setup-engines); without it the
 * tests that read say so and pass. */
#include "test.h"

#include "base/engine.h"
#include "base/fs.h"
#include "codec/json.h"
#include "data/csv.h"

struct fixture {
    struct arena a;
    struct csv_source source;
    struct csv_options options;
    struct csv_result r;
    struct err err;
    int rc;
};

static int have_engine(void)
{
    struct arena a;
    struct engine e;
    arena_init(&a, MIB(1));
    int found = engine_find(&a, "duckdb", &e, NULL) == 0;
    arena_fini(&a);
    if (!found)
        (void)printf("# skipped: DuckDB is not installed (scripts/setup-engines)\n");
    return found;
}

static void set_up(struct fixture *f)
{
    *f = (struct fixture){ .source = { .name = "d", .path = "d.csv", .header = -1 } };
    arena_init(&f->a, GIB(1));
    f->options = (struct csv_options){ .project_dir = test_tmpdir(), .threads = 2 };
}

static void read_bytes(struct fixture *f, str_t bytes)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/d.csv", test_tmpdir());
    CHECK_OK(fs_write_cache(path, bytes, err));
    f->err = (struct err)ERR_INIT;
    f->rc = csv_read(&f->a, &f->source, &f->options, &f->r, &f->err);
}

#define READ_OK(f, bytes)                                                                          \
    do {                                                                                           \
        read_bytes((f), STR(bytes));                                                               \
        if ((f)->rc)                                                                               \
            TEST_FAIL("%s", (f)->err.msg);                                                         \
    } while (0)

static struct column *col(struct fixture *f, const char *name)
{
    struct column *c = frame_column(&f->r.frame, str_of(name));
    if (!c)
        TEST_FAIL("no column %s", name);
    return c;
}

TEST(csv_types)
{
    struct fixture f;
    if (!have_engine())
        return;
    set_up(&f);
    READ_OK(
        &f,
        "i,x,s,b,t,d\n1,2.5,red,true,2024-01-02 "
        "03:04:05,2024-01-02\n,NA,,FALSE,,\n3,1e-4,red,false,2024-01-02T03:04:05.250,1969-12-31\n");
    CHECK_INT(f.r.frame.n, 3);
    CHECK_INT(col(&f, "i")->type, COLUMN_INTEGER);
    CHECK(col(&f, "i")->numbers[0] == 1 && isnan(col(&f, "i")->numbers[1]) &&
          col(&f, "i")->numbers[2] == 3);
    CHECK_INT(col(&f, "x")->type, COLUMN_NUMBER);
    CHECK(col(&f, "x")->numbers[0] == 2.5 && isnan(col(&f, "x")->numbers[1]) &&
          col(&f, "x")->numbers[2] == 1e-4);
    CHECK_INT(col(&f, "s")->type, COLUMN_STRING);
    CHECK_INT(col(&f, "s")->codes[1], -1);
    CHECK_INT(col(&f, "s")->codes[2], 0);
    CHECK_INT(col(&f, "s")->level_n, 1);
    CHECK_VIEW(col(&f, "s")->levels[0], "red");
    CHECK_INT(col(&f, "b")->type, COLUMN_BOOLEAN);
    CHECK(col(&f, "b")->numbers[0] == 1 && col(&f, "b")->numbers[1] == 0);
    CHECK_INT(col(&f, "t")->type, COLUMN_TIME);
    CHECK(col(&f, "t")->numbers[0] == 1704164645000.0 &&
          col(&f, "t")->numbers[2] == 1704164645250.0);
    CHECK(col(&f, "d")->numbers[0] == 1704153600000.0 && col(&f, "d")->numbers[2] == -86400000.0);
    CHECK_STR(f.r.file.sha256, "17e19b1900adba15944834a40967772bf8ac2dbc3b9bdef0cb9d7edfbcb1a8ef");
    arena_fini(&f.a);
}

TEST(csv_dialects)
{
    struct fixture f;
    if (!have_engine())
        return;
    set_up(&f);
    READ_OK(&f, "\xef\xbb\xbf"
                "a;b;c\r\n1;2,5;x\r\n2;3;\"y;\"\"z\r\nw\"\r\n");
    CHECK_INT(f.r.dialect.delimiter, ';');
    CHECK_INT(f.r.dialect.bom, 1);
    CHECK_STR(f.r.dialect.newline, "\\r\\n");
    CHECK_INT(f.r.frame.n, 2);
    CHECK_VIEW(col(&f, "c")->levels[1], "y;\"z\r\nw");
    READ_OK(&f, "a\tb\n1\t2 \"inch\n3\t\"q\n4\tz\n");
    CHECK_INT(f.r.dialect.quote, 0);
    CHECK_INT(f.r.frame.n, 3);
    CHECK_VIEW(col(&f, "b")->levels[1], "\"q");
    READ_OK(&f, "1,2\n3,4\n");
    CHECK_INT(f.r.dialect.header, 0);
    CHECK_INT(f.r.frame.n, 2);
    CHECK(col(&f, "column2")->numbers[1] == 4);
    READ_OK(&f, "v\n1\n2\n");
    CHECK_INT(f.r.frame.column_n, 1);
    CHECK_INT(f.r.frame.n, 2);
    READ_OK(&f,
            "A,a,\"x \"\"y\"\"\"\n1,2,3\n1,2,\n"); /* names differ in case only, and need quoting */
    CHECK(col(&f, "a")->numbers[0] == 2 && col(&f, "x \"y\"")->numbers[0] == 3);
    READ_OK(&f, "a,b\n1,2"); /* no newline at the end */
    CHECK_INT(f.r.frame.n, 1);
    f.source.key = "id";
    READ_OK(&f, "id,b\n007,2\n9007199254740993,3\n"); /* keys are text */
    CHECK_VIEW(col(&f, "id")->levels[0], "007");
    CHECK_VIEW(col(&f, "id")->levels[1], "9007199254740993");
    arena_fini(&f.a);
}

static void expect_failure(struct fixture *f, str_t bytes, int code, const char *want)
{
    read_bytes(f, bytes);
    if (f->rc != code || !strstr(f->err.msg, want))
        TEST_FAIL("code %d, \"%s\"; want %d, \"%s\"", f->rc, f->err.msg, code, want);
}

TEST(csv_bad_files)
{
    struct fixture f;
    if (!have_engine())
        return;
    set_up(&f);
    expect_failure(&f, STR(""), ERR_INVALID, "'d.csv' is empty");
    expect_failure(&f, STR("\xef\xbb\xbf"), ERR_INVALID, "is empty");
    expect_failure(&f, STR("a,b\n"), ERR_INVALID, "has a header line and no rows");
    expect_failure(&f, STR("\na,b\n1,2\n"), ERR_INVALID, "d.csv:1: the first line is blank");
    expect_failure(&f, STR("a,b,a\n1,2,3\n"), ERR_INVALID, "columns 1 and 3 are both named 'a'");
    expect_failure(&f, STR(",b\n1,2\n"), ERR_INVALID, "column 1 has no name");
    expect_failure(&f, STR("a,b,\n1,2,\n"), ERR_INVALID, "the header line ends with a comma");
    expect_failure(&f, STR("a,b\n1,2\n3,4,5\n"), ERR_INVALID,
                   "d.csv:3: this line has 3 fields, the header has 2");
    expect_failure(&f, STR("a,b\n1,\"x\ny\"\n3\n"), ERR_INVALID, "d.csv:4: this line has 1 fields");
    expect_failure(&f, STR("a,b\n1,\"xx\n2,3\n"), ERR_INVALID,
                   "d.csv:2: a quote is opened and never closed");
    expect_failure(&f, STR("a,b\n1,\"xx\"y\n2,3\n"), ERR_INVALID,
                   "d.csv:2: there is text after a closing quote");
    expect_failure(&f, STR("a,b\n1,x\n2,caf\xe9\n"), ERR_INVALID,
                   "d.csv:3: this line is not UTF-8");
    expect_failure(&f, STR("a,b\xe9\n1,x\n"), ERR_INVALID, "is not UTF-8");
    expect_failure(&f,
                   STR("\xff\xfe"
                       "a\0,\0b\0\n\0"),
                   ERR_INVALID, "is UTF-16");
    expect_failure(&f, STR("a,b\r\n1,2\n3,4\r\n"), ERR_INVALID,
                   "d.csv:2: this line ends with LF, line 1 with CRLF");
    expect_failure(&f, STR("a\0b,c\n1,2\n"), ERR_INVALID, "'d.csv' is no text file");
    f.source.path = "absent.csv";
    expect_failure(&f, STR("a"), ERR_NOT_FOUND, "data file 'absent.csv' does not exist");
    f.source.path = ".";
    expect_failure(&f, STR("a"), ERR_INVALID, "is not a plain file");
    arena_fini(&f.a);
}

TEST(csv_late_bad_value)
{
    struct fixture f;
    struct buf b;
    if (!have_engine())
        return;
    set_up(&f);
    buf_init(&b, MIB(4));
    buf_puts(&b, "a,b,note\n1,2,\"two\nlines\"\n");
    for (int i = 0; i < 30000; i++)
        buf_puts(&b, "1,2.5,x\n");
    buf_puts(&b, "3,abc,x\n");
    expect_failure(&f, buf_view(&b), ERR_INVALID,
                   "d.csv:30004: column 'b' is a number, but here it is 'abc'");
    buf_fini(&b);
    arena_fini(&f.a);
}

TEST(csv_frozen_dialect)
{
    struct fixture f;
    struct csv_dialect frozen;
    struct json_out o;
    struct json v;
    struct buf b;
    if (!have_engine())
        return;
    set_up(&f);
    READ_OK(&f, "a,d\n1,31/12/2024\n2,01/02/2024\n");
    CHECK_STR(f.r.dialect.date_format, "%d/%m/%Y");
    buf_init(&b, KIB(64));
    json_out_init(&o, &b);
    csv_dialect_write(&o, &f.r.dialect);
    CHECK_OK(json_parse(&f.a, buf_view(&b), NULL, &v, err));
    CHECK_OK(csv_dialect_read(&f.a, &v, &frozen, err));
    buf_fini(&b);
    f.options.frozen = &frozen;
    f.options.frozen_from = "slipway.lock";
    READ_OK(&f,
            "a,d\n1.5,30/11/2024\n"); /* whole numbers may become decimal; a new row is a new row */
    CHECK_INT(col(&f, "a")->type, COLUMN_NUMBER);
    expect_failure(&f, STR("a,d\nx,30/11/2024\n"), ERR_INVALID,
                   "d.csv:2: column 'a' is a number by slipway.lock, but here it is 'x'");
    expect_failure(&f, STR("a,d\n1,2024-11-30\n"), ERR_INVALID,
                   "column 'd' is a date or time by slipway.lock");
    expect_failure(&f, STR("a;d\n1;30/11/2024\n"), ERR_INVALID,
                   "fields are separated by ';', slipway.lock says ','");
    arena_fini(&f.a);
}

TEST(csv_same_with_any_threads)
{
    struct fixture f;
    struct buf b;
    if (!have_engine())
        return;
    set_up(&f);
    buf_init(&b, MIB(64));
    buf_puts(&b, "id,x,city\n");
    for (int i = 0; i < 300000; i++)
        buf_printf(&b, "%d,%d.25,city%d\n", i, i * 7 % 1000, i * 31 % 97);
    for (int threads = 1; threads <= 3; threads++) {
        f.options.threads = threads;
        read_bytes(&f, buf_view(&b));
        CHECK_INT(f.rc, 0);
        CHECK_INT(f.r.frame.n, 300000);
        for (size_t i = 0; i < f.r.frame.n; i++) {
            CHECK(col(&f, "id")->numbers[i] == (double)i);
            if (i < 97 && col(&f, "city")->codes[i] != (int32_t)i)
                TEST_FAIL("codes are not in order of appearance");
        }
    }
    buf_fini(&b);
    arena_fini(&f.a);
}

TEST(csv_texts_may_be_limited_or_known)
{
    static const str_t names[] = { { "b", 1 }, { "zz", 2 } };
    struct csv_known known = { "k", names, 2 };
    struct fixture f;
    if (!have_engine())
        return;
    set_up(&f);
    f.options.levels_max = 2;
    f.options.known = &known;
    f.options.known_n = 1;
    f.options.no_digest = 1;
    READ_OK(&f, "t,k,e\nx,1,\ny,b,\nw,,\nx,7,\nv,b,\n");
    struct column *t = col(&f, "t"), *k = col(&f, "k");
    /* Two texts by appearance, the rest is one level without text. */
    CHECK_INT(t->level_n, 3);
    CHECK(!t->levels[2].p && t->codes[0] == 0 && t->codes[1] == 1 && t->codes[2] == 2);
    CHECK(t->codes[3] == 0 && t->codes[4] == 2);
    /* Known names have their places, numbers are texts here, missing stays missing. */
    CHECK(k->codes[0] == 2 && k->codes[1] == 0 && k->codes[2] == -1 && k->codes[3] == 2);
    CHECK(k->level_n == 3 && str_is(k->levels[1], "zz") && !k->levels[2].p);
    CHECK(col(&f, "e")->numbers && isnan(col(&f, "e")->numbers[0]));
    CHECK(f.r.file.sha256[0] == 0);
    arena_fini(&f.a);
}
