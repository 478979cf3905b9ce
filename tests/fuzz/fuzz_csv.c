/* SPDX-License-Identifier: Apache-2.0
 * The CSV scanner and the choice of a dialect on any bytes: with every delimiter, with and without
 * quotes; records stay inside their limits, cover all bytes, and what is accepted as a header is
 * UTF-8, named and unique. */
#include "fuzz.h"

#include "base/arena.h"
#include "base/mem.h"
#include "data/csv_int.h"

static size_t scan(str_t bytes, char delimiter, char quote)
{
    struct csv_record r;
    struct csv_scan s;
    size_t records = 0, line = 1;
    int more;
    csv_record_init(&r);
    csv_scan_memory(&s, bytes, delimiter, quote, &r);
    while ((more = csv_scan_next(&s)) == 1) {
        FUZZ_CHECK(r.n >= 1 && r.line >= line);
        line = r.line;
        size_t total = 0;
        for (size_t i = 0; i < r.n; i++)
            total += csv_record_field(&r, i).n;
        FUZZ_CHECK(total == r.text.n && total <= bytes.n);
        FUZZ_CHECK(++records <= bytes.n);
    }
    FUZZ_CHECK(more == ERR_LIMIT || s.p == s.end);
    csv_record_fini(&r);
    return records;
}

/* What the writer of a record would write reads back as the same fields. */
static void quoting_round_trip(str_t bytes)
{
    struct csv_record r;
    struct csv_scan s;
    struct buf b;
    buf_init(&b, 2 * bytes.n + 16);
    buf_putc(&b, '"');
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.p[i] == '"')
            buf_putc(&b, '"');
        buf_putc(&b, bytes.p[i]);
    }
    buf_puts(&b, "\",x\n");
    csv_record_init(&r);
    csv_scan_memory(&s, buf_view(&b), ',', '"', &r);
    FUZZ_CHECK(csv_scan_next(&s) == 1 && !r.defect && r.n == 2);
    FUZZ_CHECK(str_eq(csv_record_field(&r, 0), bytes) && str_is(csv_record_field(&r, 1), "x"));
    csv_record_fini(&r);
    buf_fini(&b);
}

static void dialect(str_t bytes)
{
    struct arena a;
    struct csv_dialect d;
    struct err err = ERR_INIT;
    struct csv_source source = { .path = "fuzz.csv", .header = -1 };
    struct csv_head head = { bytes, 1, 0 };
    arena_init(&a, 1 << 26);
    int rc = csv_head_dialect(&a, &head, &source, &d, &err);
    FUZZ_CHECK(rc == 0 || err.msg[0]);
    if (rc == 0) {
        FUZZ_CHECK(d.column_n >= 1 && d.delimiter);
        for (size_t i = 0; d.header && i < d.column_n; i++)
            FUZZ_CHECK(str_is_utf8(str_of(d.columns[i].name)) && d.columns[i].name[0]);
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = { ',', ';', '\t', '|' };
    str_t bytes = { (const char *)data, size };
    for (size_t i = 0; i < sizeof delimiters; i++) {
        (void)scan(bytes, delimiters[i], '"');
        (void)scan(bytes, delimiters[i], 0);
    }
    if (size < 100000)
        quoting_round_trip(bytes);
    if (size)
        dialect(bytes);
    return 0;
}
