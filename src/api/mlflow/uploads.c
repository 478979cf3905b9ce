/* SPDX-License-Identifier: Apache-2.0
 * Uploads in parts (/mlflow-artifacts/mpu). The client sends no token with a part: the URLs that we
 * give it are signed (access/signed.h), checked before a byte of the body is read. A part is a blob
 * with a row; the last call reads the parts once, in order, into one file that is hashed on the
 * way, and names it in the transaction that forgets the parts. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "access/signed.h"
#include "api/mlflow/artifact_files.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "store/blobs.h"
#include "track/upload.h"

enum { JOIN_BLOCK = 1 << 18 };

#define PART_PATH "/api/2.0/mlflow-artifacts/mpu/part"

static const struct mlf_field part_fields[] = { F_INT("part_number", ""), F_STR("etag", ""),
                                                F_STR("url", ""), F_END };

/* The URL names the folder, the message a file of the client's machine: its last part is the name.
 */
static int target_path(struct mlf *m, const char **out)
{
    const char *local = mlf_str(m, "path"), *name = local, *folder, *safe;
    for (const char *p = local; *p; p++)
        if (*p == '/' || *p == '\\')
            name = p + 1;
    int rc = mlf__managed_path(m, mlf_path(m, "path"), &folder);
    if (!rc)
        rc = mlf_safe_path(m, name, &safe);
    if (!rc && !*safe)
        rc = mlf_fail(m, MLF_INVALID, "Invalid path");
    if (!rc)
        rc = mlf__managed_path(m, *folder ? fs_join(m->a, folder, safe) : safe, out);
    return rc;
}

/* ---- create ---- */

static int create_in_tx(struct tx *tx, void *arg, struct err *err)
{
    return upload_create(tx, arg, err);
}

static void write_credentials(struct mlf *m, const struct upload *u, const char *base)
{
    struct json_out *o = mlf_begin(m);
    const unsigned char *key = app_of(m->rq)->signing_key;
    jo_kv_cstr(o, "upload_id", u->id);
    jo_key(o, "credentials");
    jo_array(o);
    for (int64_t i = 1; i <= u->part_count; i++) {
        char path[160], query[SIGNED_QUERY_MAX], url[1024];
        (void)snprintf(path, sizeof path, PART_PATH "/%s/%lld", u->id, (long long)i);
        signed_query(key, "PUT", path, u->expires_ms / 1000, query);
        (void)snprintf(url, sizeof url, "%s%s?%s", base, path, query);
        jo_object(o);
        jo_kv_cstr(o, "url", url);
        jo_kv_int(o, "part_number", i);
        jo_key(o, "headers");
        jo_object(o);
        jo_object_end(o);
        jo_object_end(o);
    }
    jo_array_end(o);
}

MLF_HANDLER(upload_create, MLF_PLAIN, F_STR("path", "rs"), F_INT("num_parts", "i"))
{
    struct upload u = { .part_count = mlf_int(m, "num_parts", 1) };
    char id[HEX32_TEXT];
    const char *base;
    (void)tx;
    int rc = target_path(m, &u.path);
    if (!rc && (u.part_count < 1 || u.part_count > UPLOAD_PARTS_MAX))
        rc =
            mlf_fail(m, MLF_INVALID,
                     "Invalid value %lld for parameter 'num_parts' supplied: an upload has 1 to %d "
                     "parts; take larger ones (MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE).",
                     (long long)u.part_count, UPLOAD_PARTS_MAX);
    if (!rc)
        rc = route_public_url(m->rq, &base, m->err);
    if (rc)
        return rc;
    hex32(id);
    u.id = id;
    u.expires_ms = clock_now_ms() + (int64_t)UPLOAD_LIFE_S * 1000;
    rc = store_write(app_of(m->rq)->store, create_in_tx, &u, m->err);
    if (!rc)
        write_credentials(m, &u, base);
    return rc;
}

/* ---- one part ---- */

struct part {
    const char *id;
    struct upload_part row;
};

static int part_in_tx(struct tx *tx, void *arg, struct err *err)
{
    const struct part *p = arg;
    return upload_part_put(tx, p->id, &p->row, err);
}

MLF_HANDLER0(upload_part, MLF_PLAIN)
{
    struct request *rq = m->rq;
    struct part p = { .id = mlf_path(m, "upload") };
    (void)tx;
    if (parse_i64(str_of(mlf_path(m, "part")), &p.row.number))
        return mlf_fail(m, MLF_INVALID, "The number of the part is not a number.");
    int rc = mlf__keep_body(m);
    p.row.digest = rq->body_digest;
    p.row.bytes = rq->body_bytes;
    if (!rc)
        rc = store_write(app_of(rq)->store, part_in_tx, &p, m->err);
    if (!rc)
        request_add_header(rq, "ETag", arena_printf(m->a, "\"%s\"", rq->body_digest));
    return rc;
}

/* ---- complete ---- */

struct joining {
    struct mlf *m;
    struct upload upload;
    struct upload_part *parts;
    size_t part_n;
    const char *joiner;
    struct mlf_named whole;
};

static int read_in_tx(struct tx *tx, void *arg, struct err *err)
{
    struct joining *j = arg;
    int rc = upload_get(tx, j->m->a, mlf_str(j->m, "upload_id"), &j->upload, err);
    return rc ? rc : upload_parts(tx, j->m->a, j->upload.id, &j->parts, &j->part_n, err);
}

static int begin_in_tx(struct tx *tx, void *arg, struct err *err)
{
    struct joining *j = arg;
    return upload_join_begin(tx, j->upload.id, j->joiner, err);
}

static int end_in_tx(struct tx *tx, void *arg, struct err *err)
{
    struct joining *j = arg;
    return upload_join_end(tx, j->upload.id, err);
}

static int name_in_tx(struct tx *tx, void *arg, struct err *err)
{
    struct joining *j = arg;
    int rc = artifact_put(tx, j->whole.path, j->whole.digest, j->whole.bytes, err);
    return rc ? rc : upload_done(tx, j->upload.id, j->joiner, err);
}

static int same_etag(const char *given, const char *digest)
{
    str_t e = str_trim(str_of(given));
    if (e.n >= 2 && e.p[0] == '"' && e.p[e.n - 1] == '"')
        e = (str_t){ e.p + 1, e.n - 2 };
    return str_is(e, digest);
}

/* Every part is here, and the client speaks of the same ones. */
static int check_parts(struct joining *j)
{
    struct mlf *m = j->m;
    size_t n;
    const struct json *given = mlf_items(m, "parts", &n);
    int64_t total = 0;
    for (int64_t i = 1; i <= j->upload.part_count; i++) {
        const struct upload_part *p = &j->parts[i - 1];
        if ((size_t)i > j->part_n || p->number != i)
            return mlf_fail(m, MLF_INVALID, "Part %lld of %lld was not uploaded.", (long long)i,
                            (long long)j->upload.part_count);
        total += p->bytes;
        if (total > (int64_t)LIMIT_ARTIFACT_FILE)
            return mlf_fail(m, MLF_INVALID, "The parts together are larger than %lld bytes.",
                            (long long)LIMIT_ARTIFACT_FILE);
    }
    if (n != j->part_n)
        return mlf_fail(m, MLF_INVALID, "The upload has %zu parts, but %zu are named.", j->part_n,
                        n);
    for (size_t i = 0; i < n; i++) {
        int64_t number = json_get_int(&given[i], "part_number", 0);
        if (number < 1 || number > j->upload.part_count)
            return mlf_fail(m, MLF_INVALID, "Part %lld is none of the %lld parts of this upload.",
                            (long long)number, (long long)j->upload.part_count);
        if (!same_etag(mlf_member(&given[i], "etag"), j->parts[number - 1].digest))
            return mlf_fail(m, MLF_INVALID,
                            "The ETag of part %lld is not that of the bytes that are here: upload "
                            "the part again.",
                            (long long)number);
    }
    return 0;
}

static int add_part(struct blobs *b, const struct upload_part *p, int to, struct sha256 *h,
                    char *block, struct err *err)
{
    AUTO(fd_auto) int from = -1;
    int64_t bytes, left;
    int rc = blobs_open_read(b, p->digest, &from, &bytes, err);
    for (left = p->bytes; !rc && left > 0;) {
        ssize_t n = read(from, block, (size_t)MIN(left, (int64_t)JOIN_BLOCK));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? ERR_SYS(err, "cannot read part %lld", (long long)p->number)
                         : ERR(err, ERR_CORRUPT, "part %lld is damaged: upload it again",
                               (long long)p->number);
        sha256_add(h, block, (size_t)n);
        rc = fs_write_all(to, (str_t){ block, (size_t)n }, "artifact", err);
        left -= n;
    }
    return rc;
}

/* The parts one after another as one blob. */
static int join(struct joining *j, char digest[SHA256_HEX])
{
    struct mlf *m = j->m;
    struct blobs *b = app_of(m->rq)->blobs;
    AUTO(fd_auto) int to = -1;
    struct sha256 h;
    int rc = blobs_spool(b, &to, m->err);
    if (rc)
        return rc;
    AUTO(mem_auto) char *block = mem_alloc(JOIN_BLOCK);
    sha256_init(&h);
    for (size_t i = 0; !rc && i < j->part_n; i++) {
        rc = add_part(b, &j->parts[i], to, &h, block, m->err);
        j->whole.bytes += j->parts[i].bytes;
    }
    sha256_hex(&h, digest);
    return rc ? rc : blobs_take(b, to, digest, j->whole.bytes, m->err);
}

static int join_and_name(struct joining *j)
{
    struct mlf *m = j->m;
    struct store *s = app_of(m->rq)->store;
    char digest[SHA256_HEX];
    int rc = mlf__copy_begin(m);
    if (rc)
        return rc;
    rc = store_write(s, begin_in_tx, j, m->err);
    if (rc) {
        mlf__copy_end(m);
        return rc;
    }
    rc = join(j, digest);
    mlf__copy_end(m);
    j->whole.digest = digest;
    if (!rc)
        rc = mlf__name_blob(m, &j->whole, name_in_tx, j);
    if (rc)
        IGNORE(store_write(s, end_in_tx, j, NULL));
    return rc;
}

MLF_HANDLER(upload_complete, MLF_PLAIN, F_STR("path", "rs"), F_STR("upload_id", "rs"),
            F_MSGS("parts", "ra", part_fields))
{
    struct joining j = { .m = m };
    (void)tx;
    int rc = target_path(m, &j.whole.path);
    if (!rc)
        rc = store_read(app_of(m->rq)->store, read_in_tx, &j, m->err);
    if (!rc && strcmp(j.upload.path, j.whole.path) != 0)
        rc = mlf_fail(m, MLF_INVALID, "This upload is for '%s', not for '%s'.", j.upload.path,
                      j.whole.path);
    if (rc || strcmp(j.upload.joiner, "done") == 0) /* the answer was lost: it is asked again */
        return rc;
    rc = check_parts(&j);
    j.joiner =
        arena_printf(m->a, "%lld-%lld", (long long)getpid(), (long long)app_of(m->rq)->started_ms);
    return rc ? rc : join_and_name(&j);
}

/* ---- abort ---- */

static int abort_in_tx(struct tx *tx, void *arg, struct err *err)
{
    return upload_abort(tx, arg, err);
}

MLF_HANDLER(upload_abort, MLF_PLAIN, F_STR("path", "rs"), F_STR("upload_id", "rs"))
{
    const char *path;
    (void)tx;
    int rc = target_path(m, &path);
    return rc ? rc
              : store_write(app_of(m->rq)->store, abort_in_tx,
                            arena_strdup(m->a, mlf_str(m, "upload_id")), m->err);
}
