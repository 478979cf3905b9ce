/* SPDX-License-Identifier: Apache-2.0
 * Manifests and their JSON. */
#include "data/dataset.h"

#include <math.h>

static void number_or_null(struct json_out *o, const char *key, double v)
{
    jo_key(o, key);
    if (isnan(v))
        jo_null(o);
    else
        jo_double(o, v);
}

static void write_file(struct json_out *o, const struct csv_file *f)
{
    jo_object(o);
    jo_kv_cstr(o, "path", f->path);
    jo_kv_int(o, "bytes", f->bytes);
    jo_kv_cstr(o, "sha256", f->sha256);
    jo_object_end(o);
}

static void write_schema_and_statistics(struct json_out *o, const struct profile *p)
{
    jo_key(o, "columns");
    jo_array(o);
    for (size_t k = 0; k < p->column_n; k++) {
        const struct profile_column *c = &p->columns[k];
        jo_object(o);
        jo_kv_cstr(o, "name", c->name);
        jo_kv_cstr(o, "type", column_type_name(c->type));
        jo_kv_int(o, "missing", (int64_t)c->missing);
        jo_kv_int(o, "distinct", (int64_t)c->distinct);
        number_or_null(o, "min", c->min);
        number_or_null(o, "max", c->max);
        number_or_null(o, "mean", c->mean);
        number_or_null(o, "sd", c->sd);
        jo_object_end(o);
    }
    jo_array_end(o);
}

int dataset_manifest(const struct dataset *d, struct buf *out, struct err *err)
{
    struct arena a;
    struct buf plain;
    struct json_out o;
    struct json v;
    arena_init(&a, MIB(256));
    buf_init(&plain, MIB(64));
    json_out_init(&o, &plain);
    jo_object(&o);
    jo_kv_cstr(&o, "kind", "slipway/dataset/1");
    jo_key(&o, "files");
    jo_array(&o);
    write_file(&o, &d->file);
    jo_array_end(&o);
    jo_kv_int(&o, "rows", (int64_t)d->profile.rows);
    jo_key(&o, "dialect");
    csv_dialect_write(&o, &d->dialect);
    write_schema_and_statistics(&o, &d->profile);
    jo_object_end(&o);
    int rc = plain.failed ? ERR(err, ERR_LIMIT, "the dataset's manifest is too large")
                          : json_parse(&a, buf_view(&plain), NULL, &v, err);
    if (rc == 0)
        rc = json_canonical(&a, &v, out, err);
    buf_fini(&plain);
    arena_fini(&a);
    return rc;
}

int dataset_seal(struct dataset *d, struct err *err)
{
    struct buf b;
    buf_init(&b, MIB(64));
    int rc = dataset_manifest(d, &b, err);
    if (rc == 0)
        sha256_of(buf_view(&b), d->digest);
    buf_fini(&b);
    return rc;
}

void dataset_write(struct json_out *o, const struct dataset *d)
{
    jo_object(o);
    jo_kv_cstr(o, "name", d->name);
    jo_kv_cstr(o, "digest", d->digest);
    jo_key(o, "files");
    jo_array(o);
    write_file(o, &d->file);
    jo_array_end(o);
    jo_kv_int(o, "rows", (int64_t)d->profile.rows);
    jo_key(o, "dialect");
    csv_dialect_write(o, &d->dialect);
    jo_kv_cstr(o, "target", d->target);
    jo_kv_cstr(o, "key", d->key);
    jo_kv_cstr(o, "time", d->time);
    profile_write(o, &d->profile);
    jo_object_end(o);
}

int dataset_read(struct arena *a, const struct json *v, struct dataset *out, struct err *err)
{
    const struct json *files = json_get(v, "files"), *dialect = json_get(v, "dialect");
    const char *digest = json_get_string(v, "digest", "");
    if (!files || files->type != JSON_ARRAY || files->n != 1 || !dialect ||
        strlen(digest) != SHA256_HEX - 1)
        return ERR(err, ERR_CORRUPT, "the recorded dataset is not readable");
    const struct json *file = &files->items[0];
    const char *sha = json_get_string(file, "sha256", "");
    struct dataset d = { .name = arena_strdup(a, json_get_string(v, "name", "")),
                         .file = { .path = arena_strdup(a, json_get_string(file, "path", "")),
                                   .bytes = json_get_int(file, "bytes", 0) },
                         .target = arena_strdup(a, json_get_string(v, "target", NULL)),
                         .key = arena_strdup(a, json_get_string(v, "key", NULL)),
                         .time = arena_strdup(a, json_get_string(v, "time", NULL)) };
    if (strlen(sha) != SHA256_HEX - 1)
        return ERR(err, ERR_CORRUPT, "the recorded dataset has no digest of its file");
    memcpy(d.digest, digest, SHA256_HEX);
    memcpy(d.file.sha256, sha, SHA256_HEX);
    int rc = csv_dialect_read(a, dialect, &d.dialect, err);
    if (rc == 0)
        rc = profile_read(a, v, &d.profile, err);
    if (rc == 0)
        *out = d;
    return rc;
}
