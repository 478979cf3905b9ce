/* SPDX-License-Identifier: Apache-2.0
 * What an import reads. The first byte chooses: frames of a child as the parent takes them, the
 * bytes of an SQLite file, or an mlruns folder whose files are cut at 0x1e out of the input, or the
 * URL of a PostgreSQL database. What a reader sends must be frames that the parent takes. */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "transfer/pg_url.h"
#include "transfer/reader.h"

#define RUN "0/0123456789abcdef0123456789abcdef"

static const char *const files[] = {
    "0/meta.yaml",
    RUN "/meta.yaml",
    RUN "/metrics/loss",
    RUN "/params/alpha",
    RUN "/tags/mlflow.note",
    "models/house/meta.yaml",
    "models/house/version-1/meta.yaml",
    "models/house/aliases/champion",
    "0/datasets/d1/meta.yaml",
    RUN "/inputs/i1/meta.yaml",
    "0/models/m-0123456789abcdef0123456789abcdef/meta.yaml",
    "0/models/m-0123456789abcdef0123456789abcdef/params/depth",
    "0/models/m-0123456789abcdef0123456789abcdef/metrics/rmse",
    "0/tags/team",
    RUN "/outputs/m-0123456789abcdef0123456789abcdef/meta.yaml",
};

static const char *root(void)
{
    static char dir[64];
    if (!dir[0]) {
        (void)snprintf(dir, sizeof dir, "/dev/shm/slipway-fuzz-XXXXXX");
        if (!mkdtemp(dir))
            abort();
    }
    return dir;
}

static void forget(void)
{
    IGNORE(fs_remove_tree(root(), NULL));
}

/* Every frame on the descriptor is one; it is rewound first. */
static void check_frames(int fd, int all)
{
    struct wire_in in;
    struct wire_frame fr;
    struct err err = ERR_INIT;
    int rc;
    if (lseek(fd, 0, SEEK_SET) != 0)
        abort();
    wire_in_init(&in, fd);
    while ((rc = wire_next(&in, &fr, &err)) == 1)
        FUZZ_CHECK((size_t)fr.n == strlen(wire_shape(fr.kind)));
    if (rc && all)
        (void)fprintf(stderr, "%s\n", err.msg);
    FUZZ_CHECK(rc == 0 || (!all && err.msg[0]));
    wire_in_fini(&in);
}

static void read_place(int kind, const char *place)
{
    struct reader r = { 0 };
    struct err err = ERR_INIT;
    int fd = memfd_create("frames", MFD_CLOEXEC);
    if (fd < 0)
        abort();
    wire_out_init(&r.out, fd);
    int rc = kind == 1 ? reader_sqlite(&r, place, &err) : reader_files(&r, place, &err);
    FUZZ_CHECK(rc == 0 || (rc < 0 && err.msg[0]));
    FUZZ_CHECK(wire_flush(&r.out) == 0);
    wire_out_fini(&r.out);
    check_frames(fd, 1);
    (void)close(fd);
}

static void frames(str_t bytes)
{
    int fd = memfd_create("frames", MFD_CLOEXEC);
    if (fd < 0 || fs_write_all(fd, bytes, "frames", NULL) != 0)
        abort();
    check_frames(fd, 0);
    (void)close(fd);
}

static void folder(str_t bytes)
{
    struct arena a;
    arena_init(&a, MIB(16));
    const char *dir = fs_join(&a, root(), "mlruns");
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        str_t one = bytes, rest = { bytes.p, 0 };
        const char *path = fs_join(&a, dir, files[i]);
        char *parent = arena_strdup(&a, path);
        *strrchr(parent, '/') = '\0';
        IGNORE(str_cut(bytes, 0x1e, &one, &rest));
        if (fs_mkdirs(parent, NULL) != 0 || fs_write_cache(path, one, NULL) != 0)
            abort();
        bytes = rest;
    }
    read_place(2, dir);
    arena_fini(&a);
}

static void url(str_t bytes)
{
    struct arena a;
    struct pg_url u;
    struct err err = ERR_INIT;
    arena_init(&a, MIB(1));
    char *text = arena_printf(&a, "postgresql://%.*s", (int)bytes.n, bytes.p);
    int rc = text ? pg_url_parse(&a, text, &u, &err) : -1;
    FUZZ_CHECK(rc == 0 ? u.shown && !u.keys[u.n] : rc < 0);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int armed;
    if (size < 2 || size > 400000)
        return 0;
    if (!armed)
        armed = atexit(forget) == 0;
    str_t bytes = { (const char *)data + 1, size - 1 };
    switch (data[0] % 4) {
    case 0: frames(bytes); break;
    case 1: {
        char path[96];
        (void)snprintf(path, sizeof path, "%s/mlflow.db", root());
        if (fs_write_cache(path, bytes, NULL) != 0)
            abort();
        read_place(1, path);
        break;
    }
    case 2: folder(bytes); break;
    default: url(bytes); break;
    }
    return 0;
}
