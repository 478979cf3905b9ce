/* SPDX-License-Identifier: Apache-2.0
 * Segments on disk. "<seq>.open" is the one that is appended to, "<seq>-<from>-<to>.seg" a sealed
 * one (all in hexadecimal). A record is a head of 40 bytes in the machine's byte order (little
 * endian everywhere we run) and its body; the head carries a sum of itself and one of the body.
 *
 * `lock` guards the list and the tail; `sync_lock` serialises syncs, so that those who wait share
 * the next one. Readers open files of their own and read only what was whole at their start. */
#include "store/segment.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/thread.h"
#include "codec/crc.h"

enum { SYNC_RANK = 590, LOG_RANK = 600, READ_BYTES = 1 << 18, DAY_MS = 86400000 };
enum { HEAD_MAGIC = 0x31474553 }; /* "SEG1" */

struct head {
    uint32_t magic, kind;
    int64_t from_ms, to_ms;
    uint32_t body_bytes, body_sum;
    uint32_t head_sum; /* of what stands before it */
    uint32_t zero;
};

struct segment {
    uint64_t seq;
    int64_t from_ms, to_ms; /* from > to: nothing inside */
    uint64_t bytes;
    int sealed;
};

struct segment_log {
    struct lock lock, sync_lock;
    char *dir;
    uint64_t rotate_bytes;
    int64_t rotate_ms;
    struct segment *list; /* by seq; the last one may be open */
    size_t n, cap;
    uint64_t next_seq;
    int fd;                    /* of the open one, -1 = none */
    int is_dirty;              /* the open one has half a record that could not be cut off yet */
    uint64_t appended, synced; /* bytes ever appended; synced is also under sync_lock */
    uint64_t lost_bytes;
};

/* ---- records ---- */

static int head_is_whole(const struct head *h)
{
    return h->magic == HEAD_MAGIC && h->body_bytes <= SEGMENT_BODY_MAX && h->from_ms >= 0 &&
           h->from_ms <= h->to_ms && h->head_sum == crc32c(0, h, offsetof(struct head, head_sum));
}

int segment_next(str_t bytes, size_t *at, struct segment_record *out)
{
    struct head h;
    size_t left = bytes.n - *at;
    if (left == 0)
        return 0;
    if (left < sizeof h)
        return ERR_CORRUPT;
    memcpy(&h, bytes.p + *at, sizeof h);
    if (!head_is_whole(&h) || left - sizeof h < h.body_bytes)
        return ERR_CORRUPT;
    const char *body = bytes.p + *at + sizeof h;
    if (crc32c(0, body, h.body_bytes) != h.body_sum)
        return ERR_CORRUPT;
    *out = (struct segment_record){ h.from_ms, h.to_ms, h.kind, { body, h.body_bytes } };
    *at += sizeof h + h.body_bytes;
    return 1;
}

size_t segment_seek(str_t bytes, size_t from)
{
    struct head h;
    for (size_t i = from; bytes.n >= sizeof h && i <= bytes.n - sizeof h; i++) {
        const char *p = memchr(bytes.p + i, HEAD_MAGIC & 255, bytes.n - sizeof h - i + 1);
        if (!p)
            return SIZE_MAX;
        i = (size_t)(p - bytes.p);
        memcpy(&h, p, sizeof h);
        if (head_is_whole(&h))
            return i;
    }
    return SIZE_MAX;
}

/* ---- names and the list ---- */

static void segment_path(const struct segment_log *log, const struct segment *s, char *out,
                         size_t room)
{
    int n = s->sealed
                ? snprintf(out, room, "%s/%016llx-%016llx-%016llx.seg", log->dir,
                           (unsigned long long)s->seq, (unsigned long long)s->from_ms,
                           (unsigned long long)s->to_ms)
                : snprintf(out, room, "%s/%016llx.open", log->dir, (unsigned long long)s->seq);
    (void)n;
}

static int hex_field(const char *p, uint64_t *out)
{
    uint64_t v = 0;
    for (int i = 0; i < 16; i++) {
        char c = p[i];
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
        if (digit > 15 || (c > '9' && c < 'a'))
            return -1;
        v = v << 4 | digit;
    }
    *out = v;
    return 0;
}

/* 0 when the name is not one of ours. */
static int parse_name(str_t name, struct segment *out)
{
    uint64_t from = 0, to = 0;
    *out = (struct segment){ .from_ms = 1 };
    if (name.n == 21 && str_ends(name, ".open"))
        return hex_field(name.p, &out->seq) == 0;
    if (name.n != 54 || !str_ends(name, ".seg") || name.p[16] != '-' || name.p[33] != '-' ||
        hex_field(name.p, &out->seq) || hex_field(name.p + 17, &from) ||
        hex_field(name.p + 34, &to) || from > to || to > INT64_MAX)
        return 0;
    out->from_ms = (int64_t)from;
    out->to_ms = (int64_t)to;
    out->sealed = 1;
    return 1;
}

static struct segment *list_add(struct segment_log *log, const struct segment *s)
{
    if (log->n == log->cap) {
        size_t cap = log->cap ? 2 * log->cap : 16;
        struct segment *grown = mem_try_realloc(log->list, cap, sizeof *grown);
        if (!grown)
            return NULL;
        log->list = grown;
        log->cap = cap;
    }
    log->list[log->n] = *s;
    return &log->list[log->n++];
}

static struct segment *tail_of(struct segment_log *log)
{
    return log->n && !log->list[log->n - 1].sealed ? &log->list[log->n - 1] : NULL;
}

static int by_seq(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

/* ---- reading a file ---- */

/* A window over a file: the bytes [at, at + n). */
struct reader {
    int fd;
    const char *name;
    uint64_t end; /* of what may be read */
    uint64_t at;
    struct buf window;
};

/* n bytes at an offset, or fewer at the end. */
static int reader_get(struct reader *r, uint64_t offset, size_t n, str_t *out, struct err *err)
{
    if (offset < r->at || offset + n > r->at + r->window.n) {
        size_t want = (size_t)MIN((uint64_t)MAX(n, (size_t)READ_BYTES), r->end - offset), got = 0;
        buf_clear(&r->window);
        char *to = want ? buf_reserve(&r->window, want) : r->window.p;
        if (want && !to)
            return ERR(err, ERR_NOMEM, "not enough memory to read '%s'", r->name);
        int rc = want ? fs_read_at(r->fd, (int64_t)offset, to, want, r->name, &got, err) : 0;
        if (rc)
            return rc;
        r->at = offset;
        r->window.n = got;
    }
    size_t skip = (size_t)(offset - r->at);
    *out = (str_t){ r->window.p + skip, MIN(n, r->window.n - skip) };
    return 0;
}

/* The next place from `offset` on where a whole head stands, or r->end. */
static int reader_seek(struct reader *r, uint64_t offset, uint64_t *out, struct err *err)
{
    while (offset + sizeof(struct head) <= r->end) {
        str_t bytes;
        int rc = reader_get(r, offset, READ_BYTES, &bytes, err);
        if (rc)
            return rc;
        size_t found = segment_seek(bytes, 0);
        if (found != SIZE_MAX) {
            *out = offset + found;
            return 0;
        }
        if (bytes.n < sizeof(struct head))
            break;
        offset += bytes.n - sizeof(struct head) + 1;
    }
    *out = r->end;
    return 0;
}

/* Walks the records of a file. `whole`: end of the last whole record; `lost`: bytes stepped over
 * before it. */
struct walk {
    const struct segment_query *q; /* NULL: the bodies of all are checked */
    struct segment *range;         /* gets the times of all; may be NULL */
    uint64_t whole, lost;
};

static int is_wanted(const struct segment_query *q, const struct head *h)
{
    struct segment_record r = { h->from_ms, h->to_ms, h->kind, { 0 } };
    return !q || (h->from_ms < q->to_ms && h->to_ms >= q->from_ms &&
                  (!q->wanted || q->wanted(q->arg, &r)));
}

static int walk_file(struct reader *r, struct walk *w, struct err *err)
{
    uint64_t at = 0, bad = 0; /* bad: bytes since the last whole record */
    int rc = 0;
    while (at < r->end && !rc) {
        struct head h;
        str_t bytes, body = { 0 };
        rc = reader_get(r, at, sizeof h, &bytes, err);
        if (rc)
            break;
        int whole = bytes.n == sizeof h;
        if (whole)
            memcpy(&h, bytes.p, sizeof h);
        whole = whole && head_is_whole(&h) && h.body_bytes <= r->end - at - sizeof h;
        int wanted = whole && is_wanted(w->q, &h);
        if (wanted)
            rc = reader_get(r, at + sizeof h, h.body_bytes, &body, err);
        if (rc)
            break;
        if (wanted && (body.n != h.body_bytes || crc32c(0, body.p, body.n) != h.body_sum))
            whole = wanted = 0;
        if (!whole) {
            uint64_t next;
            rc = reader_seek(r, at + 1, &next, err);
            if (!rc) {
                bad += next - at;
                at = next;
            }
            continue;
        }
        struct segment_record rec = { h.from_ms, h.to_ms, h.kind, body };
        at += sizeof h + h.body_bytes;
        w->lost += bad;
        bad = 0;
        w->whole = at;
        if (w->range && w->range->from_ms > w->range->to_ms) {
            w->range->from_ms = h.from_ms;
            w->range->to_ms = h.to_ms;
        } else if (w->range) {
            w->range->from_ms = MIN(w->range->from_ms, h.from_ms);
            w->range->to_ms = MAX(w->range->to_ms, h.to_ms);
        }
        if (wanted && w->q)
            rc = w->q->fn(w->q->arg, &rec, err);
    }
    return rc;
}

/* ---- opening ---- */

/* What is whole of an open segment is kept, what a crash tore off its end is cut. */
static int recover(struct segment_log *log, struct segment *s, int fd, const char *path,
                   struct err *err)
{
    struct reader r = { .fd = fd, .name = path, .end = s->bytes };
    struct walk w = { .range = s };
    buf_init(&r.window, SEGMENT_BODY_MAX + READ_BYTES);
    s->from_ms = 1;
    s->to_ms = 0;
    int rc = walk_file(&r, &w, err);
    buf_fini(&r.window);
    if (!rc && w.whole < s->bytes)
        rc = fs_truncate(fd, (int64_t)w.whole, path, err);
    if (!rc) {
        log->lost_bytes += w.lost + (s->bytes - w.whole);
        s->bytes = w.whole;
    }
    return rc;
}

static int seal(struct segment_log *log, struct segment *s, int fd, struct err *err)
{
    char from[4200], to[4200];
    segment_path(log, s, from, sizeof from);
    struct segment as = *s;
    as.sealed = 1;
    segment_path(log, &as, to, sizeof to);
    int rc = fs_sync_data(fd, from, err);
    if (!rc)
        rc = fs_rename(from, to, err);
    if (!rc)
        rc = fs_sync_dir(log->dir, err);
    if (!rc)
        s->sealed = 1;
    return rc;
}

/* Segments that were open: all but the newest are sealed, an empty one is removed. */
static int take_open(struct segment_log *log, size_t i, struct err *err)
{
    char path[4200];
    struct segment *s = &log->list[i];
    AUTO(fd_auto) int fd = -1;
    segment_path(log, s, path, sizeof path);
    int rc = fs_open_append(path, &fd, err);
    if (!rc)
        rc = recover(log, s, fd, path, err);
    if (rc || (i + 1 == log->n && s->bytes)) {
        log->fd = rc ? -1 : fd;
        fd = rc ? fd : -1;
        return rc;
    }
    if (s->bytes)
        return seal(log, s, fd, err);
    rc = fs_remove(path, err);
    s->from_ms = 1;
    s->to_ms = 0;
    s->sealed = 1;
    return rc;
}

static int read_dir(struct segment_log *log, struct err *err)
{
    struct arena a;
    const char **names = NULL;
    size_t n = 0;
    arena_init(&a, MIB(64));
    int rc = fs_list(&a, log->dir, &names, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        struct segment s;
        struct fs_info info;
        if (!parse_name(str_of(names[i]), &s))
            continue;
        rc = fs_stat(fs_join(&a, log->dir, names[i]), &info, err);
        s.bytes = rc ? 0 : (uint64_t)info.size;
        if (!rc && !list_add(log, &s))
            rc = ERR(err, ERR_NOMEM, "not enough memory for the segments of '%s'", log->dir);
    }
    arena_fini(&a);
    if (rc)
        return rc;
    if (log->n)
        qsort(log->list, log->n, sizeof *log->list, by_seq);
    log->next_seq = log->n ? log->list[log->n - 1].seq + 1 : 1;
    for (size_t i = 0; i < log->n && !rc; i++)
        if (!log->list[i].sealed)
            rc = take_open(log, i, err);
    size_t kept = 0;
    for (size_t i = 0; i < log->n && !rc; i++)
        if (log->list[i].from_ms <= log->list[i].to_ms)
            log->list[kept++] = log->list[i];
    log->n = rc ? log->n : kept;
    return rc;
}

int segment_open(struct segment_log **out, const struct segment_options *options, struct err *err)
{
    struct segment_log *log = mem_try_alloc(1, sizeof *log);
    if (!log)
        return ERR(err, ERR_NOMEM, "not enough memory for the log '%s'", options->dir);
    lock_init(&log->lock, "segments", LOG_RANK);
    lock_init(&log->sync_lock, "segment sync", SYNC_RANK);
    log->dir = mem_strdup(options->dir);
    log->rotate_bytes = options->rotate_bytes ? options->rotate_bytes : MIB(16);
    log->rotate_ms = options->rotate_ms ? options->rotate_ms : DAY_MS;
    log->fd = -1;
    int rc = strlen(options->dir) > 4000
                 ? ERR(err, ERR_INVALID, "the path of a log is longer than 4000 bytes")
                 : fs_mkdirs(log->dir, err);
    if (!rc)
        rc = read_dir(log, err);
    if (rc) {
        segment_close(log);
        return rc;
    }
    *out = log;
    return 0;
}

void segment_close(struct segment_log *log)
{
    if (!log)
        return;
    fd_auto(&log->fd);
    lock_fini(&log->lock);
    lock_fini(&log->sync_lock);
    mem_free(log->list);
    mem_free(log->dir);
    mem_free(log);
}

/* ---- appending ---- */

static int rotate_locked(struct segment_log *log, struct err *err)
{
    struct segment *s = tail_of(log);
    if (!s)
        return 0;
    int rc = s->bytes ? seal(log, s, log->fd, err) : 0;
    if (!rc && s->bytes) {
        fd_auto(&log->fd);
        log->synced = log->appended;
    }
    return rc;
}

static int begin_tail(struct segment_log *log, struct err *err)
{
    char path[4200];
    struct segment s = { .seq = log->next_seq, .from_ms = 1 };
    segment_path(log, &s, path, sizeof path);
    int rc = fs_open_append(path, &log->fd, err);
    if (!rc)
        rc = fs_sync_dir(log->dir, err);
    if (!rc && !list_add(log, &s))
        rc = ERR(err, ERR_NOMEM, "not enough memory for the segments of '%s'", log->dir);
    if (rc)
        fd_auto(&log->fd);
    else
        log->next_seq++;
    return rc;
}

static int append_locked(struct segment_log *log, const struct segment_record *r, struct err *err)
{
    struct head h = { .magic = HEAD_MAGIC,
                      .kind = r->kind,
                      .from_ms = r->from_ms,
                      .to_ms = r->to_ms,
                      .body_bytes = (uint32_t)r->body.n,
                      .body_sum = crc32c(0, r->body.p, r->body.n) };
    h.head_sum = crc32c(0, &h, offsetof(struct head, head_sum));
    struct segment *s = tail_of(log);
    int rc = 0;
    if (s && s->bytes &&
        (s->bytes + sizeof h + r->body.n > log->rotate_bytes ||
         MAX(s->to_ms, r->to_ms) - MIN(s->from_ms, r->from_ms) >= log->rotate_ms))
        rc = rotate_locked(log, err);
    if (!rc && !tail_of(log))
        rc = begin_tail(log, err);
    s = tail_of(log);
    if (!rc && log->is_dirty)
        rc = fs_truncate(log->fd, (int64_t)s->bytes, log->dir, err);
    if (rc)
        return rc;
    log->is_dirty = 1;
    rc = fs_write_all(log->fd, (str_t){ (const char *)&h, sizeof h }, log->dir, err);
    if (!rc)
        rc = fs_write_all(log->fd, r->body, log->dir, err);
    if (rc) { /* taken back; when even that fails, before the next record */
        log->is_dirty = fs_truncate(log->fd, (int64_t)s->bytes, log->dir, NULL) != 0;
        return rc;
    }
    log->is_dirty = 0;
    s->from_ms = s->bytes ? MIN(s->from_ms, r->from_ms) : r->from_ms;
    s->to_ms = s->bytes ? MAX(s->to_ms, r->to_ms) : r->to_ms;
    s->bytes += sizeof h + r->body.n;
    log->appended += sizeof h + r->body.n;
    return 0;
}

int segment_append(struct segment_log *log, const struct segment_record *r, struct err *err)
{
    if (r->body.n > SEGMENT_BODY_MAX)
        return ERR(err, ERR_LIMIT, "a record of %zu bytes is larger than the %d of a log",
                   r->body.n, SEGMENT_BODY_MAX);
    ASSERT(r->from_ms >= 0 && r->from_ms <= r->to_ms);
    lock_take(&log->lock);
    int rc = append_locked(log, r, err);
    lock_drop(&log->lock);
    return rc;
}

int segment_sync(struct segment_log *log, struct err *err)
{
    int rc = 0;
    lock_take(&log->lock);
    uint64_t want = log->appended;
    int done = log->synced >= want;
    lock_drop(&log->lock);
    if (done)
        return 0;
    lock_take(&log->sync_lock);
    lock_take(&log->lock);
    uint64_t now = log->appended;
    AUTO(fd_auto)
    int fd = log->synced >= want || log->fd < 0
                 ? -1
                 : fcntl(log->fd, F_DUPFD_CLOEXEC, 0); /* rotation may close ours */
    int needed = log->synced < want && log->fd >= 0;
    lock_drop(&log->lock);
    if (needed)
        rc = fd < 0 ? ERR_SYS(err, "cannot sync '%s'", log->dir) : fs_sync_data(fd, log->dir, err);
    lock_take(&log->lock);
    if (!rc && needed)
        log->synced = MAX(log->synced, now);
    lock_drop(&log->lock);
    lock_drop(&log->sync_lock);
    return rc;
}

int segment_rotate(struct segment_log *log, struct err *err)
{
    lock_take(&log->lock);
    int rc = rotate_locked(log, err);
    lock_drop(&log->lock);
    return rc;
}

/* ---- retention ---- */

static int drop_first(struct segment_log *log, struct err *err)
{
    char path[4200];
    segment_path(log, &log->list[0], path, sizeof path);
    int rc = fs_remove(path, err);
    if (!rc)
        memmove(log->list, log->list + 1, --log->n * sizeof *log->list);
    return rc;
}

int segment_trim(struct segment_log *log, int64_t before_ms, uint64_t max_bytes, struct err *err)
{
    uint64_t bytes = 0;
    int rc = 0;
    lock_take(&log->lock);
    for (size_t i = 0; i < log->n; i++)
        bytes += log->list[i].bytes;
    while (!rc && log->n && log->list[0].sealed &&
           (log->list[0].to_ms < before_ms || (max_bytes && bytes > max_bytes))) {
        bytes -= log->list[0].bytes;
        rc = drop_first(log, err);
    }
    lock_drop(&log->lock);
    return rc;
}

int segment_drop_sealed(struct segment_log *log, struct err *err)
{
    int rc = 0;
    lock_take(&log->lock);
    while (!rc && log->n && log->list[0].sealed)
        rc = drop_first(log, err);
    lock_drop(&log->lock);
    return rc;
}

void segment_info_get(struct segment_log *log, struct segment_info *out)
{
    lock_take(&log->lock);
    *out = (struct segment_info){ .segments = log->n, .lost_bytes = log->lost_bytes };
    int64_t first = INT64_MAX, last = 0;
    for (size_t i = 0; i < log->n; i++) {
        const struct segment *s = &log->list[i];
        out->bytes += s->bytes;
        if (s->from_ms > s->to_ms)
            continue;
        first = MIN(first, s->from_ms);
        last = MAX(last, s->to_ms);
    }
    out->first_ms = first == INT64_MAX ? 0 : first;
    out->last_ms = last;
    lock_drop(&log->lock);
}

/* ---- scanning ---- */

/* The segment of that number as it is now; 0 when it is gone. */
static int find_seq(struct segment_log *log, uint64_t seq, struct segment *out)
{
    int found = 0;
    lock_take(&log->lock);
    for (size_t i = 0; i < log->n && !found; i++) {
        if (log->list[i].seq == seq) {
            *out = log->list[i];
            found = 1;
        }
    }
    lock_drop(&log->lock);
    return found;
}

/* Opens a segment that may be sealed (another name) or removed meanwhile; *out_fd -1: removed. */
static int open_segment(struct segment_log *log, uint64_t seq, struct segment *s, int *out_fd,
                        struct err *err)
{
    char path[4200];
    for (;;) {
        *out_fd = -1;
        int sealed = s->sealed;
        if (!find_seq(log, seq, s))
            return 0;
        segment_path(log, s, path, sizeof path);
        int rc = fs_open_read(path, out_fd, err);
        if (rc != ERR_NOT_FOUND || sealed)
            return rc == ERR_NOT_FOUND ? 0 : rc;
        s->sealed = 1; /* at most once more */
    }
}

int segment_scan(struct segment_log *log, const struct segment_query *q, struct err *err)
{
    int rc = 0;
    struct reader r = { .fd = -1, .name = log->dir };
    lock_take(&log->lock);
    size_t n = log->n;
    struct segment *list = mem_try_alloc(n + 1, sizeof *list);
    if (list && n)
        memcpy(list, log->list, n * sizeof *list);
    lock_drop(&log->lock);
    if (!list)
        return ERR(err, ERR_NOMEM, "not enough memory to read '%s'", log->dir);
    buf_init(&r.window, SEGMENT_BODY_MAX + READ_BYTES);
    for (size_t i = 0; i < n && !rc; i++) {
        struct segment *s = &list[i], now = *s;
        if (s->from_ms > s->to_ms || s->from_ms >= q->to_ms || s->to_ms < q->from_ms)
            continue;
        now.sealed = 0;
        rc = open_segment(log, s->seq, &now, &r.fd, err);
        if (rc || r.fd < 0)
            continue;
        struct walk w = { .q = q };
        r.end = s->bytes;
        r.at = 0;
        buf_clear(&r.window);
        rc = walk_file(&r, &w, err);
        if (!rc && (w.lost || w.whole < s->bytes)) {
            lock_take(&log->lock);
            log->lost_bytes += w.lost + (s->bytes - w.whole);
            lock_drop(&log->lock);
        }
        fd_auto(&r.fd);
    }
    fd_auto(&r.fd);
    buf_fini(&r.window);
    mem_free(list);
    return rc;
}
