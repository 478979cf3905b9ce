/* SPDX-License-Identifier: Apache-2.0
 * Reading and checking tokens. Secrets are hashed at once and wiped with the file's text. */
#include "access/token.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/mem.h"
#include "codec/hash.h"

enum { FILE_BYTES_MAX = 1 << 20, NAME_MAX_BYTES = 64 };

struct token {
    char digest[SHA256_HEX]; /* of the secret */
    enum access_role role;
    char actor[TOKEN_ACTOR_MAX];
};

struct tokens {
    struct token *list;
    size_t n;
};

static str_t next_word(str_t *rest)
{
    str_t s = str_trim(*rest);
    size_t n = 0;
    while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t')
        n++;
    *rest = (str_t){ s.p + n, s.n - n };
    return (str_t){ s.p, n };
}

static int parse_role(str_t word, enum access_role *out)
{
    for (int r = ACCESS_READER; r <= ACCESS_ADMIN; r++)
        if (str_is(word, access_role_name((enum access_role)r))) {
            *out = (enum access_role)r;
            return 0;
        }
    return ERR_INVALID;
}

static int name_is_plain(str_t name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || c == '.' || c == '@';
        if (!plain)
            return 0;
    }
    return name.n <= NAME_MAX_BYTES;
}

static int parse_line(struct token *t, str_t line, const char *path, int number, struct err *err)
{
    str_t secret = next_word(&line), role = next_word(&line), name = next_word(&line);
    *t = (struct token){ .role = ACCESS_ADMIN };
    if (secret.n < TOKEN_BYTES_MIN || secret.n > TOKEN_BYTES_MAX)
        return ERR(err, ERR_INVALID,
                   "%s:%d: a token has %d to %d characters; make one with 'openssl rand -hex 24'",
                   path, number, TOKEN_BYTES_MIN, TOKEN_BYTES_MAX);
    if (role.n && parse_role(role, &t->role) != 0)
        return ERR(err, ERR_INVALID, "%s:%d: after the token comes reader, editor or admin", path,
                   number);
    if (!name_is_plain(name) || str_trim(line).n)
        return ERR(err, ERR_INVALID,
                   "%s:%d: the name after the role is one word of letters, digits and '-_.@'", path,
                   number);
    sha256_of(secret, t->digest);
    if (name.n)
        (void)snprintf(t->actor, sizeof t->actor, "token:%.*s", STR_ARG(name));
    else
        (void)snprintf(t->actor, sizeof t->actor, "token:%.8s", t->digest);
    return 0;
}

static int parse_file(struct tokens *t, str_t text, const char *path, struct err *err)
{
    str_t line, rest = text;
    int more = 1;
    for (int number = 1; more; number++) {
        more = str_cut(rest, '\n', &line, &rest);
        if (!more)
            line = rest;
        line = str_trim(line);
        if (!line.n || line.p[0] == '#')
            continue;
        if (t->n == TOKENS_MAX)
            return ERR(err, ERR_LIMIT, "'%s' has more than %d tokens", path, TOKENS_MAX);
        int rc = parse_line(&t->list[t->n], line, path, number, err);
        if (rc)
            return rc;
        t->n++;
    }
    if (!t->n)
        return ERR(err, ERR_INVALID, "'%s' has no token; write one a line", path);
    return 0;
}

int tokens_load(struct tokens **out, const char *path, struct err *err)
{
    struct arena a;
    str_t text;
    arena_init(&a, 2 * FILE_BYTES_MAX);
    struct tokens *t = mem_alloc(sizeof *t);
    t->list = mem_alloc(TOKENS_MAX * sizeof *t->list);
    int rc = fs_read(&a, path, FILE_BYTES_MAX, &text, err);
    if (!rc) {
        rc = parse_file(t, text, path, err);
        explicit_bzero((void *)(uintptr_t)text.p, text.n);
    }
    arena_fini(&a);
    if (rc) {
        tokens_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void tokens_free(struct tokens *t)
{
    if (!t)
        return;
    mem_free(t->list);
    mem_free(t);
}

size_t tokens_count(const struct tokens *t)
{
    return t->n;
}

enum access_role tokens_check(const struct tokens *t, str_t secret, char out_actor[TOKEN_ACTOR_MAX])
{
    char digest[SHA256_HEX];
    size_t found = SIZE_MAX;
    if (!secret.n || secret.n > TOKEN_BYTES_MAX)
        return ACCESS_NONE;
    sha256_of(secret, digest);
    for (size_t i = 0; i < t->n; i++)
        if (hash_equal(str_of(digest), str_of(t->list[i].digest)))
            found = i;
    if (found == SIZE_MAX)
        return ACCESS_NONE;
    (void)snprintf(out_actor, TOKEN_ACTOR_MAX, "%s", t->list[found].actor);
    return t->list[found].role;
}
