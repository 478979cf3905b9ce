/* SPDX-License-Identifier: Apache-2.0
 * Replays stored inputs through one fuzz target without a fuzzer: arguments are files and folders
 * of files. Built with any compiler, so the corpora are part of the ordinary test run. */
#include <stdio.h>

#include "base/fs.h"
#include "fuzz.h"

enum { INPUT_MAX = 64 << 20 };

static int replay(const char *path, size_t *count)
{
    struct arena a;
    struct fs_info info;
    struct err err = ERR_INIT;
    const char **names = NULL;
    size_t n = 0;
    str_t bytes;
    int rc;
    arena_init(&a, (size_t)INPUT_MAX * 2);
    rc = fs_stat(path, &info, &err);
    if (rc == 0 && info.is_dir) {
        rc = fs_list(&a, path, &names, &n, &err);
        for (size_t i = 0; rc == 0 && i < n; i++)
            rc = replay(fs_join(&a, path, names[i]), count);
    } else if (rc == 0) {
        rc = fs_read(&a, path, INPUT_MAX, &bytes, &err);
        if (rc == 0) {
            /* A copy of the exact size, so that a sanitizer sees one byte too many. */
            unsigned char *copy = malloc(bytes.n ? bytes.n : 1);
            if (!copy)
                abort();
            memcpy(copy, bytes.p, bytes.n);
            IGNORE(LLVMFuzzerTestOneInput(copy, bytes.n));
            free(copy);
            ++*count;
        }
    }
    if (rc < 0 && err.msg[0])
        (void)fprintf(stderr, "%s: %s\n", path, err.msg);
    arena_fini(&a);
    return rc;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i], &count) < 0;
    (void)printf("%zu inputs replayed\n", count);
    return failed || count == 0;
}
