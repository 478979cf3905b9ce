/* SPDX-License-Identifier: Apache-2.0
 * Inside the CSV reader: a record scanner of our own. It looks at the head of a file to decide the
 * dialect, and, when something is wrong, walks the file to name the exact line. The bulk of the
 * bytes is DuckDB's work. */
#pragma once
#include "data/csv.h"

enum {
    CSV_NAME_MAX = 1000,
    CSV_HEAD_BYTES = 1 << 18,
    CSV_HEAD_RECORDS = 200,
    CSV_LINE_MAX = 1999000 /* the engine stops at 2,000,000 */
};

enum csv_newline { CSV_NL_NONE, CSV_NL_LF, CSV_NL_CRLF, CSV_NL_CR };

/* Pulls records out of bytes in memory or of a file (plain or gzip). */
struct csv_scan {
    const unsigned char *p, *end;
    void *gz; /* gzFile, NULL for memory */
    unsigned char *block;
    char delimiter, quote;
    size_t line; /* physical line at p, from 1 */
    int at_end;  /* no more bytes */
    struct csv_record *r;
};

struct csv_record {
    struct buf text; /* fields after another, unquoted */
    size_t *ends;    /* end of field i in text */
    uint8_t *was_quoted;
    size_t n, cap;
    size_t line; /* where it starts */
    enum csv_newline newline;
    const char *defect; /* NULL, or what is wrong with it */
};

void csv_record_init(struct csv_record *r);
void csv_record_fini(struct csv_record *r);
str_t csv_record_field(const struct csv_record *r, size_t i);

void csv_scan_memory(struct csv_scan *s, str_t bytes, char delimiter, char quote,
                     struct csv_record *r);
int csv_scan_open(struct csv_scan *s, const char *path, char delimiter, char quote,
                  struct csv_record *r, struct err *err) WARN_UNUSED;
void csv_scan_close(struct csv_scan *s);
/* 1 = a record, 0 = end, ERR_NOMEM or ERR_LIMIT. */
int csv_scan_next(struct csv_scan *s);

/* Reads the first bytes of the file. */
struct csv_head {
    str_t bytes; /* without the byte-order mark */
    int whole;   /* the file ends there */
    int bom;
};
int csv_head_read(struct arena *a, const char *path, const char *shown, struct csv_head *out,
                  struct err *err) WARN_UNUSED;
/* Delimiter, quote, header, newline and names; types are left alone. The source's own settings win.
 */
int csv_head_dialect(struct arena *a, const struct csv_head *head, const struct csv_source *source,
                     struct csv_dialect *out, struct err *err) WARN_UNUSED;
/* Walks the file for the first structural defect and says it; 0 when there is none. */
int csv_explain(const char *path, const char *shown, const struct csv_dialect *d,
                struct err *err) WARN_UNUSED;
/* Physical line of the first record whose field is this text, 0 when there is none. */
size_t csv_find_value(const char *path, const struct csv_dialect *d, size_t column, str_t value);
