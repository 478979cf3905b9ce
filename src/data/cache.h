/* SPDX-License-Identifier: Apache-2.0
 * Stage outputs that are kept: cache/<digest>/<file>. A file is a list of named sections, each on a
 * 64-byte border, with a checksum over all. Whatever is missing, cut or damaged counts as absent:
 * the stage runs again. Files may be deleted at any time by anybody. */
#pragma once
#include "data/frame.h"

enum { CACHE_SECTIONS_MAX = 64 };

struct cache_section {
    const char *name;
    str_t bytes;
};

/* Path of a file of an entry: "<cache_dir>/<digest>/<name>". */
char *cache_path(struct arena *a, const char *cache_dir, const char *digest, const char *name);
int cache_write(const char *path, const struct cache_section *sections, size_t n, int threads,
                struct err *err) WARN_UNUSED;
/* Sections point into a private mapping that lives until the process ends. NOT_FOUND or CORRUPT. */
int cache_read(struct arena *a, const char *path, int threads, struct cache_section **out,
               size_t *out_n, struct err *err) WARN_UNUSED;
/* NULL when absent. */
const struct cache_section *cache_section(const struct cache_section *s, size_t n,
                                          const char *name);

/* A whole frame as one file. Reading copies nothing: columns point into the mapping. */
int cache_write_frame(const char *path, const struct frame *f, int threads,
                      struct err *err) WARN_UNUSED;
int cache_read_frame(struct arena *a, const char *path, int threads, struct frame *out,
                     struct err *err) WARN_UNUSED;
