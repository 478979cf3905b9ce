/* SPDX-License-Identifier: Apache-2.0
 * Content-addressed files. A blob is written under tmp/, synced, and renamed to its digest; the
 * folders above are synced when new. Equal bytes are found before anything is copied. Any thread
 * and any process: the rename is the only step that others see. */
#include "store/blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "codec/json.h"
#include "store/blobs_int.h"
#include "store/rows.h"

enum {
    TREE_FILES_MAX = 10000,
    TREE_DEPTH_MAX = 32,
    COPY_CHUNK = 1 << 17,
    SOUND_RANK = 920,
    TMP_AGE_S = 3600, /* an unfinished blob older than this has no living writer */
};

int blobs__is_digest(const char *z)
{
    return z && strlen(z) == SHA256_HEX - 1 && strspn(z, "0123456789abcdef") == SHA256_HEX - 1;
}

int blobs__path(const struct blobs *b, const char *digest, char out[PATH_MAX], struct err *err)
{
    if (!blobs__is_digest(digest))
        return ERR(err, ERR_INVALID, "'%.80s' is not a SHA-256 digest in hex",
                   digest ? digest : "");
    if (snprintf(out, PATH_MAX, "%s/sha256/%.2s/%s", b->dir, digest, digest) >= PATH_MAX)
        return ERR(err, ERR_INVALID, "path too long: '%s'", b->dir);
    return 0;
}

/* Leftovers of writers that were killed. */
static void sweep(const char *tmp)
{
    struct arena a;
    const char **names;
    size_t n;
    arena_init(&a, MIB(16));
    if (!clock_is_fixed() && fs_list(&a, tmp, &names, &n, NULL) == 0) {
        int64_t oldest = clock_now_ms() / 1000 - TMP_AGE_S;
        for (size_t i = 0; i < n; i++) {
            struct fs_info info;
            char *path = fs_join(&a, tmp, names[i]);
            if (fs_stat(path, &info, NULL) == 0 && info.mtime_ns / 1000000000 < oldest)
                IGNORE(fs_remove(path, NULL));
        }
    }
    arena_fini(&a);
}

static int open_one(struct blobs **out, const char *dir, struct err *err)
{
    char path[PATH_MAX];
    struct blobs *b = mem_alloc(sizeof *b);
    b->dir = mem_strdup(dir);
    lock_init(&b->sound_lock, "blobs sound", SOUND_RANK);
    b->tmp = mem_alloc(strlen(dir) + 5);
    (void)snprintf(b->tmp, strlen(dir) + 5, "%s/tmp", dir);
    if (snprintf(path, sizeof path, "%s/sha256", dir) >= PATH_MAX - 80) {
        blobs_close(b);
        return ERR(err, ERR_INVALID, "path too long: '%s'", dir);
    }
    if (!fs_exists(path) && fs_mkdirs(path, err) != 0) {
        blobs_close(b);
        return err ? err->code : ERR_READ_ONLY;
    }
    b->may_write = fs_mkdirs(b->tmp, NULL) == 0;
    if (b->may_write)
        sweep(b->tmp);
    *out = b;
    return 0;
}

/* The folders that were written down. One that is not there now (a disk that is not mounted) is
 * kept in the list, so that listing it fails and nothing is collected. */
static int open_more(struct blobs *b, struct err *err)
{
    struct arena a;
    str_t text, line;
    char *path;
    int rc = 0;
    arena_init(&a, KIB(64));
    path = fs_join(&a, b->dir, "elsewhere");
    if (fs_exists(path))
        rc = fs_read(&a, path, KIB(32), &text, err);
    else
        text = STR("");
    while (!rc && str_cut(text, '\n', &line, &text)) {
        if (line.n == 0 || line.p[0] != '/' || b->more_n == BLOBS_MORE)
            continue;
        struct blobs *one = mem_alloc(sizeof *one);
        lock_init(&one->sound_lock, "blobs sound", SOUND_RANK);
        one->dir = mem_strndup(line.p, line.n);
        one->tmp = mem_strndup(line.p, line.n); /* never written to */
        b->more[b->more_n++] = one;
    }
    arena_fini(&a);
    return rc;
}

int blobs_open(struct blobs **out, const char *dir, struct err *err)
{
    struct blobs *b = NULL;
    int rc = open_one(&b, dir, err);
    if (!rc)
        rc = open_more(b, err);
    if (rc) {
        blobs_close(b);
        return rc;
    }
    *out = b;
    return 0;
}

static int write_down(struct blobs *b, const char *dir, struct err *err)
{
    struct buf text;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%.4000s/elsewhere", b->dir);
    buf_init(&text, KIB(64));
    for (size_t i = 0; i < b->more_n; i++)
        buf_printf(&text, "%s\n", b->more[i]->dir);
    buf_printf(&text, "%s\n", dir);
    int rc = fs_write_atomic(path, buf_view(&text), err);
    buf_fini(&text);
    return rc;
}

int blobs_send_elsewhere(struct blobs *b, const char *dir, struct err *err)
{
    struct blobs *one = NULL;
    size_t at = 0;
    int rc = open_one(&one, dir, err);
    while (at < b->more_n && strcmp(b->more[at]->dir, dir) != 0)
        at++;
    if (!rc && at == BLOBS_MORE)
        rc = ERR(err, ERR_LIMIT, "artifacts lie in %d folders already; '%s' is one too many",
                 BLOBS_MORE, dir);
    if (!rc && at == b->more_n)
        rc = write_down(b, dir, err);
    if (rc) {
        blobs_close(one);
        return rc;
    }
    blobs_close(b->more[at]);
    b->more[at] = one;
    b->more_n = MAX(b->more_n, at + 1);
    b->into = one;
    return 0;
}

void blobs_close(struct blobs *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->more_n; i++)
        blobs_close(b->more[i]);
    lock_fini(&b->sound_lock);
    mem_free(b->dir);
    mem_free(b->tmp);
    mem_free(b);
}

/* 1 when the blob is there with that many bytes. */
static int is_whole(const char *path, int64_t bytes)
{
    struct fs_info info;
    return fs_stat(path, &info, NULL) == 0 && info.is_file && info.size == bytes;
}

/* The lock between putting (shared) and removing (exclusive), across threads and processes: it goes
 * with the descriptor. */
int blobs__gate(const struct blobs *b, int how, int *out_fd, struct err *err)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%.4000s/gc.lock", b->dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return ERR_SYS(err, "cannot open '%s'", path);
    while (flock(fd, how) != 0)
        if (errno != EINTR) {
            (void)close(fd);
            return ERR_SYS(err, "cannot lock '%s'", path);
        }
    *out_fd = fd;
    return 0;
}

/* 1 when the bytes there are those of the digest. The whole file is read: a disk that lost some of
 * it kept its size, and what is put must be there afterwards. */
static int is_sound(const char *path, const char *digest, int64_t bytes)
{
    char got[SHA256_HEX];
    return is_whole(path, bytes) && sha256_file(path, got, NULL, NULL) == 0 &&
           strcmp(got, digest) == 0;
}

static int64_t ctime_of(const struct stat *st)
{
    return (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

/* Where a digest is remembered, in no order that matters: two that meet there push each other out.
 */
static struct blobs_sound *slot_of(struct blobs *b, const char *digest)
{
    unsigned at = 0;
    for (int i = 0; i < 8; i++)
        at = at * 31 + (unsigned char)digest[i];
    return &b->sound[at % BLOBS_SOUND];
}

/* 1 when nobody touched the file since it was found sound, less than a minute ago. */
static int was_sound(struct blobs *b, const char *path, const char *digest, int64_t bytes)
{
    struct stat st;
    if (stat(path, &st) != 0 || st.st_size != bytes || !S_ISREG(st.st_mode))
        return 0;
    lock_take(&b->sound_lock);
    const struct blobs_sound *x = slot_of(b, digest);
    int found = strcmp(x->digest, digest) == 0 && x->inode == st.st_ino &&
                x->ctime_ns == ctime_of(&st) && x->until_ms > clock_mono_ns() / 1000000;
    lock_drop(&b->sound_lock);
    return found;
}

/* is_new: its bytes were compared just now; else only its times changed. */
static void note_sound(struct blobs *b, const char *path, const char *digest, int is_new)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return;
    lock_take(&b->sound_lock);
    struct blobs_sound *x = slot_of(b, digest);
    int64_t until = is_new ? clock_mono_ns() / 1000000 + BLOBS_SOUND_MS : x->until_ms;
    if (is_new || strcmp(x->digest, digest) == 0) {
        *x = (struct blobs_sound){ .inode = st.st_ino,
                                   .ctime_ns = ctime_of(&st),
                                   .until_ms = until };
        memcpy(x->digest, digest, SHA256_HEX);
    }
    lock_drop(&b->sound_lock);
}

/* *out = 1 when the blob is there undamaged; its age then starts anew. A damaged one counts as
 * absent: putting it again heals it, by the rename that publishes it. */
int blobs__is_kept(struct blobs *b, const char *path, int64_t bytes, int *out, struct err *err)
{
    AUTO(fd_auto) int lock = -1;
    const char *digest = strrchr(path, '/') + 1;
    int known = was_sound(b, path, digest, bytes);
    *out = known || is_sound(path, digest, bytes);
    if (!*out)
        return 0;
    int rc = blobs__gate(b, LOCK_SH, &lock, err);
    if (rc)
        return rc;
    *out = is_whole(path, bytes) && utimensat(AT_FDCWD, path, NULL, 0) == 0;
    if (*out)
        note_sound(b, path, digest, !known);
    return 0;
}

int blobs__tmp_open(const struct blobs *b, char out_path[PATH_MAX], int *out_fd, struct err *err)
{
    uint64_t tag[2];
    random_bytes(tag, sizeof tag);
    (void)snprintf(out_path, PATH_MAX, "%s/tmp/%016llx%016llx", b->dir, (unsigned long long)tag[0],
                   (unsigned long long)tag[1]);
    int fd = open(out_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0)
        return ERR_SYS(err, "cannot create a file in '%s/tmp'", b->dir);
    *out_fd = fd;
    return 0;
}

int blobs__make_folder(const struct blobs *b, const char *path, char out_folder[PATH_MAX],
                       struct err *err)
{
    char root[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(out_folder, PATH_MAX, "%.*s", (int)(slash - path), path);
    if (fs_exists(out_folder))
        return 0;
    (void)snprintf(root, sizeof root, "%.4000s/sha256", b->dir);
    int rc = fs_mkdirs(out_folder, err);
    return rc ? rc : fs_sync_dir(root, err);
}

int blobs__publish(const struct blobs *b, int fd, const char *tmp, const char *path,
                   struct err *err)
{
    char folder[PATH_MAX];
    if (fsync(fd) != 0)
        return ERR_SYS(err, "cannot sync '%s'", path);
    int rc = blobs__make_folder(b, path, folder, err);
    AUTO(fd_auto) int lock = -1;
    if (!rc)
        rc = blobs__gate(b, LOCK_SH, &lock, err);
    if (!rc)
        rc = fs_rename(tmp, path, err);
    if (!rc)
        rc = fs_sync_dir(folder, err);
    return rc;
}

int blobs_put(struct blobs *b, str_t bytes, char out_digest[SHA256_HEX], struct err *err)
{
    char path[PATH_MAX], tmp[PATH_MAX], digest[SHA256_HEX];
    AUTO(fd_auto) int fd = -1;
    sha256_of(bytes, digest);
    int there = 0, rc = blobs__path(b, digest, path, err);
    if (!rc)
        rc = blobs__is_kept(b, path, (int64_t)bytes.n, &there, err);
    if (rc)
        return rc;
    if (!there) {
        rc = blobs__tmp_open(b, tmp, &fd, err);
        if (rc)
            return rc;
        rc = fs_write_all(fd, bytes, path, err);
        if (!rc)
            rc = blobs__publish(b, fd, tmp, path, err);
        if (rc) {
            (void)unlink(tmp);
            return rc;
        }
    }
    memcpy(out_digest, digest, sizeof digest);
    return 0;
}

int blobs__copy(int from, int to, const char *name, struct err *err)
{
    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    AUTO(mem_auto) char *chunk = mem_alloc(COPY_CHUNK);
    for (;;) {
        ssize_t n = read(from, chunk, COPY_CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_SYS(err, "cannot read '%s'", name);
        if (n == 0)
            return 0;
        int rc = fs_write_all(to, (str_t){ chunk, (size_t)n }, name, err);
        if (rc)
            return rc;
    }
}

static int copy_in(struct blobs *b, const char *source, const char *digest, const char *path,
                   struct err *err)
{
    AUTO(fd_auto) int from = -1;
    AUTO(fd_auto) int to = -1;
    char tmp[PATH_MAX], copied[SHA256_HEX];
    int rc = fs_open_read(source, &from, err);
    if (!rc)
        rc = blobs__tmp_open(b, tmp, &to, err);
    if (rc)
        return rc;
    rc = blobs__copy(from, to, source, err);
    if (!rc)
        rc = sha256_file(tmp, copied, NULL, err);
    if (!rc && strcmp(copied, digest) != 0)
        rc = ERR(err, ERR_CONFLICT,
                 "'%s' changed while it was read; run again when nobody writes it", source);
    if (!rc)
        rc = blobs__publish(b, to, tmp, path, err);
    if (rc)
        (void)unlink(tmp);
    return rc;
}

int blobs_put_file(struct blobs *b, const char *source, char out_digest[SHA256_HEX],
                   int64_t *out_bytes, struct err *err)
{
    char path[PATH_MAX], digest[SHA256_HEX];
    int64_t bytes = 0;
    int there = 0;
    int rc = sha256_file(source, digest, &bytes, err);
    if (!rc)
        rc = blobs__path(b, digest, path, err);
    if (!rc)
        rc = blobs__is_kept(b, path, bytes, &there, err);
    if (!rc && !there)
        rc = copy_in(b, source, digest, path, err);
    if (rc)
        return rc;
    memcpy(out_digest, digest, sizeof digest);
    if (out_bytes)
        *out_bytes = bytes;
    return 0;
}

struct blobs *blobs__find(struct blobs *b, const char *digest, char out[PATH_MAX])
{
    for (size_t i = 0; i <= b->more_n; i++) {
        struct blobs *one = i ? b->more[i - 1] : b;
        if (blobs__path(one, digest, out, NULL) == 0 && fs_exists(out))
            return one;
    }
    return NULL;
}

int blobs_path(struct blobs *b, struct arena *a, const char *digest, char **out, struct err *err)
{
    char path[PATH_MAX];
    int rc = blobs__path(b, digest, path, err);
    if (rc)
        return rc;
    if (!blobs__find(b, digest, path))
        return ERR(err, ERR_NOT_FOUND, "blob '%s' is not in '%s'", digest, b->dir);
    *out = arena_strdup(a, path);
    return 0;
}

int blobs_get(struct blobs *b, struct arena *a, const char *digest, size_t max_bytes, str_t *out,
              struct err *err)
{
    char *path, got[SHA256_HEX];
    str_t bytes;
    int rc = blobs_path(b, a, digest, &path, err);
    if (!rc)
        rc = fs_read(a, path, max_bytes, &bytes, err);
    if (rc)
        return rc;
    sha256_of(bytes, got);
    if (strcmp(got, digest) != 0)
        return ERR(
            err, ERR_CORRUPT,
            "blob '%s' is damaged: its bytes do not match its digest; restore it from a backup",
            path);
    *out = bytes;
    return 0;
}

/* ---- removing ---- */

static int list_folder(struct arena *a, const char *folder, struct blob_file **list, size_t *n,
                       size_t *cap, struct err *err)
{
    const char **names;
    size_t k;
    int rc = fs_list(a, folder, &names, &k, err);
    for (size_t i = 0; !rc && i < k; i++) {
        struct fs_info info;
        if (!blobs__is_digest(names[i]) ||
            fs_stat(fs_join(a, folder, names[i]), &info, NULL) != 0 || !info.is_file)
            continue;
        *list = rows_room(a, *list, *n, cap, sizeof **list);
        if (!*list)
            return ERR(err, ERR_NOMEM, "too many blobs in '%s'", folder);
        (*list)[(*n)++] = (struct blob_file){ names[i], info.size, info.mtime_ns / 1000000000 };
    }
    return rc;
}

static int list_root(struct arena *a, const char *dir, struct blob_file **list, size_t *n,
                     size_t *cap, struct err *err)
{
    const char **names, *root = fs_join(a, dir, "sha256");
    size_t k;
    int rc = fs_list(a, root, &names, &k, err);
    for (size_t i = 0; !rc && i < k; i++)
        if (strlen(names[i]) == 2)
            rc = list_folder(a, fs_join(a, root, names[i]), list, n, cap, err);
    return rc;
}

int blobs_list(struct blobs *b, struct arena *a, struct blob_file **out, size_t *out_n,
               struct err *err)
{
    struct blob_file *list = NULL;
    size_t n = 0, cap = 0;
    int rc = list_root(a, b->dir, &list, &n, &cap, err);
    for (size_t i = 0; !rc && i < b->more_n; i++)
        rc = list_root(a, b->more[i]->dir, &list, &n, &cap, err);
    *out = list;
    *out_n = n;
    return rc;
}

static int remove_old(struct blobs *b, const char *digest, int *out_removed, struct err *err)
{
    char path[PATH_MAX];
    struct fs_info info;
    AUTO(fd_auto) int lock = -1;
    int rc = blobs__path(b, digest, path, err);
    if (!rc)
        rc = blobs__gate(b, LOCK_EX, &lock, err);
    if (rc || fs_stat(path, &info, NULL) != 0)
        return rc;
    if (info.mtime_ns / 1000000000 > clock_now_ms() / 1000 - BLOBS_GRACE_S)
        return 0;
    rc = fs_remove(path, err);
    *out_removed |= rc == 0;
    return rc;
}

int blobs_remove_old(struct blobs *b, const char *digest, int *out_removed, struct err *err)
{
    *out_removed = 0;
    int rc = remove_old(b, digest, out_removed, err);
    for (size_t i = 0; !rc && i < b->more_n; i++)
        if (fs_exists(b->more[i]->dir))
            rc = remove_old(b->more[i], digest, out_removed, err);
    return rc;
}

/* ---- trees ---- */

struct walk {
    struct blobs *b;
    struct arena *a;
    const char *root;
    struct tree_entry *entries;
    size_t n;
    int64_t bytes;
    struct err *err;
};

static int walk_dir(struct walk *w, const char *relative, int depth);

static int walk_file(struct walk *w, const char *full, const char *relative)
{
    char digest[SHA256_HEX];
    int64_t bytes;
    if (w->n == TREE_FILES_MAX)
        return ERR(w->err, ERR_LIMIT, "'%s' has more than %d files", w->root, TREE_FILES_MAX);
    int rc = blobs_put_file(w->b, full, digest, &bytes, w->err);
    if (rc)
        return rc;
    w->entries[w->n++] = (struct tree_entry){ relative, arena_strdup(w->a, digest), bytes };
    w->bytes += bytes;
    return 0;
}

static int walk_entry(struct walk *w, const char *relative, int depth)
{
    struct stat st;
    const char *full = fs_join(w->a, w->root, relative);
    if (!fs_is_safe_relative(str_of(relative)) || !str_is_utf8(str_of(relative)))
        return ERR(w->err, ERR_INVALID, "'%s' has a name that cannot be stored", full);
    if (lstat(full, &st) != 0)
        return ERR_SYS(w->err, "cannot look at '%s'", full);
    if (S_ISDIR(st.st_mode))
        return walk_dir(w, relative, depth + 1);
    if (!S_ISREG(st.st_mode))
        return ERR(w->err, ERR_INVALID,
                   "'%s' is a link or a device; only files and folders are stored", full);
    return walk_file(w, full, relative);
}

static int walk_dir(struct walk *w, const char *relative, int depth)
{
    const char **names;
    size_t n;
    if (depth > TREE_DEPTH_MAX)
        return ERR(w->err, ERR_LIMIT, "'%s' is nested deeper than %d folders", w->root,
                   TREE_DEPTH_MAX);
    int rc =
        fs_list(w->a, *relative ? fs_join(w->a, w->root, relative) : w->root, &names, &n, w->err);
    for (size_t i = 0; !rc && i < n; i++)
        rc = walk_entry(w, *relative ? fs_join(w->a, relative, names[i]) : names[i], depth);
    return rc;
}

static int by_path(const void *a, const void *b)
{
    const struct tree_entry *x = a, *y = b;
    return strcmp(x->path, y->path);
}

/* {"files":[{"bytes":…,"digest":…,"path":…}…],"kind":"tree"}, keys and paths sorted. */
static void print_tree(struct buf *out, const struct tree_entry *entries, size_t n)
{
    struct json_out o;
    json_out_init(&o, out);
    jo_object(&o);
    jo_key(&o, "files");
    jo_array(&o);
    for (size_t i = 0; i < n; i++) {
        jo_object(&o);
        jo_kv_int(&o, "bytes", entries[i].bytes);
        jo_kv_cstr(&o, "digest", entries[i].digest);
        jo_kv_cstr(&o, "path", entries[i].path);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    jo_kv_cstr(&o, "kind", "tree");
    jo_object_end(&o);
}

int blobs_put_tree(struct blobs *b, struct arena *a, const char *dir, char out_digest[SHA256_HEX],
                   int64_t *out_bytes, struct err *err)
{
    struct walk w = { .b = b, .a = a, .root = dir, .err = err };
    struct buf text;
    w.entries = ARENA_TRY_ARRAY(a, TREE_FILES_MAX, struct tree_entry);
    if (!w.entries)
        return ERR(err, ERR_NOMEM, "not enough memory to list '%s'", dir);
    int rc = walk_dir(&w, "", 0);
    if (rc)
        return rc;
    if (w.n)
        qsort(w.entries, w.n, sizeof *w.entries, by_path);
    buf_init(&text, MIB(16));
    print_tree(&text, w.entries, w.n);
    rc = text.failed ? ERR(err, ERR_LIMIT, "the list of files of '%s' is too long", dir)
                     : blobs_put(b, buf_view(&text), out_digest, err);
    buf_fini(&text);
    if (!rc && out_bytes)
        *out_bytes = w.bytes;
    return rc;
}

int blobs_tree(struct blobs *b, struct arena *a, const char *digest, struct tree_entry **out,
               size_t *out_n, struct err *err)
{
    str_t text;
    struct json v;
    int rc = blobs_get(b, a, digest, MIB(16), &text, err);
    if (!rc)
        rc = json_parse(a, text, NULL, &v, err);
    if (rc)
        return rc;
    const struct json *files = json_get(&v, "files");
    if (strcmp(json_get_string(&v, "kind", ""), "tree") != 0 || !files || files->type != JSON_ARRAY)
        return ERR(err, ERR_INVALID, "blob '%s' is not a list of files", digest);
    struct tree_entry *list = ARENA_TRY_ARRAY(a, files->n + 1, struct tree_entry);
    if (!list)
        return ERR(err, ERR_NOMEM, "not enough memory for the files of '%s'", digest);
    for (size_t i = 0; i < files->n; i++) {
        const char *path = json_get_string(&files->items[i], "path", "");
        const char *sum = json_get_string(&files->items[i], "digest", "");
        if (!fs_is_safe_relative(str_of(path)) || !blobs__is_digest(sum))
            return ERR(err, ERR_CORRUPT, "the list of files '%s' is damaged at entry %zu", digest,
                       i);
        list[i] = (struct tree_entry){ path, sum, json_get_int(&files->items[i], "bytes", 0) };
    }
    *out = list;
    *out_n = files->n;
    return 0;
}
