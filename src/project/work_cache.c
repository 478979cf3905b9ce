/* SPDX-License-Identifier: Apache-2.0
 * What stages leave behind: files under <cache>/<key>/, checked when read, removed when there are
 * too many. Every failure here only costs time. */
#include <stdlib.h>

#include "base/fs.h"
#include "project/work_int.h"

char *work_cache(struct work *w, const char *key, const char *file)
{
    return cache_path(w->a, w->cache_dir, key, file);
}

void work_cache_put(struct work *w, const char *key, const char *file, str_t bytes)
{
    char *path = work_cache(w, key, file);
    struct cache_section s = { file, bytes };
    char *dir = arena_printf(w->a, "%s/%s", w->cache_dir, key);
    if (fs_mkdirs(dir, NULL) == 0)
        IGNORE(cache_write(path, &s, 1, 1, NULL));
}

int work_cache_get(struct work *w, const char *key, const char *file, size_t max_bytes, str_t *out)
{
    struct cache_section *s;
    size_t n;
    if (cache_read(w->a, work_cache(w, key, file), 1, &s, &n, NULL) != 0 || n != 1 ||
        s[0].bytes.n > max_bytes)
        return -1;
    *out = s[0].bytes;
    return 0;
}

/* ---- trimming ---- */

struct entry {
    const char *name;
    size_t bytes;
    int64_t mtime_ns;
};

static int by_age(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->mtime_ns != y->mtime_ns)
        return x->mtime_ns < y->mtime_ns ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int is_used(struct work *w, const char *name)
{
    if (w->data_key && strcmp(name, w->data_key) == 0)
        return 1;
    for (size_t i = 0; i < w->entry_n; i++)
        if (strcmp(name, lock_key(w->a, &w->entries[i])) == 0)
            return 1;
    return w->evaluation_key && strcmp(name, w->evaluation_key) == 0;
}

static struct entry measure(struct work *w, const char *name)
{
    struct entry e = { .name = name };
    const char **files;
    size_t n;
    struct fs_info info;
    char *dir = fs_join(w->a, w->cache_dir, name);
    if (fs_list(w->a, dir, &files, &n, NULL) != 0)
        return e;
    for (size_t i = 0; i < n; i++)
        if (fs_stat(fs_join(w->a, dir, files[i]), &info, NULL) == 0) {
            e.bytes += (size_t)MAX(info.size, 0);
            e.mtime_ns = MAX(e.mtime_ns, info.mtime_ns);
        }
    return e;
}

void work_cache_trim(struct work *w, size_t max_bytes, size_t max_entries)
{
    const char **names;
    size_t n, bytes = 0;
    if (fs_list(w->a, w->cache_dir, &names, &n, NULL) != 0)
        return;
    struct entry *e = ARENA_TRY_ARRAY(w->a, n, struct entry);
    for (size_t i = 0; e && i < n; i++) {
        e[i] = measure(w, names[i]);
        bytes += e[i].bytes;
    }
    if (!e || (bytes <= max_bytes && n <= max_entries))
        return;
    qsort(e, n, sizeof *e, by_age);
    size_t left = n;
    for (size_t i = 0; i < n && (bytes > max_bytes || left > max_entries); i++) {
        if (is_used(w, e[i].name))
            continue;
        IGNORE(fs_remove_tree(fs_join(w->a, w->cache_dir, e[i].name), NULL));
        bytes -= e[i].bytes;
        left--;
    }
}
