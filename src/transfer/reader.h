/* SPDX-License-Identifier: Apache-2.0
 * The child's side of an import: reads a foreign installation and tells of it in frames. It works
 * on hostile input and writes nothing but its pipe. */
#pragma once
#include "transfer/wire.h"

enum { READER_PROBLEMS_MAX = 1000, READER_TEXT_MAX = 16 << 20, READER_POINTS_MAX = 1 << 20 };

struct reader {
    struct wire_out out;
    int64_t problems; /* told or not: only the first READER_PROBLEMS_MAX are told */
};

/* `slipway _import KIND PLACE`, KIND "sqlite", "files", "postgresql" or "server"; frames go to
 * standard output. A URL, which may hold a password, comes as $SLIPWAY_IMPORT_URL instead. */
int reader_main(int argc, char **argv);

/* All send HELLO … COUNT; an error ends the reading. */
int reader_sqlite(struct reader *r, const char *path, struct err *err) WARN_UNUSED;
int reader_postgres(struct reader *r, const char *url, struct err *err) WARN_UNUSED;
int reader_uri(struct reader *r, const char *base, struct err *err) WARN_UNUSED;
int reader_files(struct reader *r, const char *dir, struct err *err) WARN_UNUSED;

/* Something is left out; the text names it and says why. */
void reader_problem(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void reader_count(struct reader *r, const char *kind, int64_t n);
