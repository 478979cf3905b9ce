/* SPDX-License-Identifier: Apache-2.0
 * Words and flags of one command line. Flags may stand before or after the sub-command; "--" ends
 * them; "-" is a word. Nothing is abbreviated and no guess is ever run: a mistake is answered with
 * what was probably meant. */
#include "cli/cli.h"

#include "base/num.h"

enum { WORDS_MAX = 4096 };

struct parse {
    struct cli *c;
    const char **words;
    size_t word_n;
    size_t command_words; /* how many of them name the command; 0 = not known yet */
    int argc;
    char **argv;
    int at;
};

int cli_is_group(const char *word)
{
    size_t n, len = strlen(word);
    const struct cli_command *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++)
        if (strncmp(all[i].name, word, len) == 0 && all[i].name[len] == ' ')
            return 1;
    return 0;
}

static int flag_matches(const struct cli_flag *f, str_t name, char letter)
{
    return letter ? f->letter == letter : str_is(name, f->name);
}

static const struct cli_flag *flag_in(const struct cli_flag *flags, size_t n, str_t name,
                                      char letter)
{
    for (size_t i = 0; i < n; i++)
        if (flag_matches(&flags[i], name, letter))
            return &flags[i];
    return NULL;
}

/* The command's own flag, a global one, or (before the command is known) any command's. */
static const struct cli_flag *flag_find(const struct cli *c, str_t name, char letter)
{
    size_t n;
    const struct cli_flag *f = NULL;
    if (c->command)
        f = flag_in(c->command->flags, c->command->flag_n, name, letter);
    if (!f) {
        const struct cli_flag *global = cli_global_flags(&n);
        f = flag_in(global, n, name, letter);
    }
    const struct cli_command *all = cli_commands(&n);
    for (size_t i = 0; !f && !c->command && i < n; i++)
        f = flag_in(all[i].flags, all[i].flag_n, name, letter);
    return f;
}

static int flag_unknown(struct cli *c, const char *word, str_t name, struct err *err)
{
    size_t n, k = 0, global_n;
    const char *names[128];
    const struct cli_flag *global = cli_global_flags(&global_n);
    for (size_t i = 0; i < global_n && k < ARRAY_LEN(names); i++)
        names[k++] = global[i].name;
    const struct cli_command *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < all[i].flag_n && k < ARRAY_LEN(names); j++)
            if (!c->command || c->command == &all[i])
                names[k++] = all[i].flags[j].name;
    const char *near = name.n > 1 ? str_nearest(name, names, k) : NULL;
    if (near)
        cli_hint(c, "did you mean '--%s'?", near);
    else if (c->command && strcmp(c->command->name, "run") == 0 && name.n > 1)
        cli_hint(c, "slipway help run; a parameter of the project is set with -p %.*s=VALUE",
                 STR_ARG(name));
    else
        cli_hint(c, "slipway help%s%s", c->command ? " " : "", c->command ? c->command->name : "");
    if (c->command)
        return ERR(err, ERR_INVALID, "unknown flag '%s' for 'slipway %s'", word, c->command->name);
    return ERR(err, ERR_INVALID, "unknown flag '%s'", word);
}

static int value_check(struct cli *c, const struct cli_flag *f, const char *text, struct err *err)
{
    if (f->type == FLAG_NUMBER) {
        uint64_t v;
        if (parse_u64(str_of(text), &v) != 0)
            return ERR(err, ERR_INVALID, "--%s takes a whole number, not '%s'", f->name, text);
    }
    if (!f->value || !strchr(f->value, '|') || f->type == FLAG_FIELDS)
        return 0;
    const char *choices[16];
    size_t n = 0;
    str_t rest = str_of(f->value), one;
    while (rest.n && n < ARRAY_LEN(choices)) {
        str_t left = rest;
        if (!str_cut(left, '|', &one, &rest)) {
            one = left;
            rest = (str_t){ 0 };
        }
        if (str_eq(one, str_of(text)))
            return 0;
        choices[n++] = arena_strndup(&c->arena, one.p, one.n);
    }
    const char *near = str_nearest(str_of(text), choices, n);
    if (near)
        cli_hint(c, "did you mean '%s'?", near);
    return ERR(err, ERR_INVALID, "--%s takes one of %s, not '%s'", f->name, f->value, text);
}

static int value_add(struct parse *p, const struct cli_flag *f, const char *text, struct err *err)
{
    if (text) {
        int rc = value_check(p->c, f, text, err);
        if (rc)
            return rc;
    }
    p->c->values[p->c->value_n++] = (struct cli_value){ f, text };
    return 0;
}

/* 1 when every name in "a,b" is a field of the command: then `--json a,b` needs no '='. */
static int names_fields(const struct cli_command *cmd, const char *text)
{
    if (!cmd || !*text)
        return 0;
    str_t rest = str_of(text), one;
    while (rest.n) {
        str_t left = rest;
        if (!str_cut(left, ',', &one, &rest)) {
            one = left;
            rest = (str_t){ 0 };
        }
        int known = 0;
        for (size_t i = 0; i < cmd->column_n && !known; i++) {
            const char *path = cmd->columns[i].path;
            size_t top = strcspn(path, ".");
            known = str_is(one, path) || (one.n == top && memcmp(one.p, path, top) == 0);
        }
        if (!known)
            return 0;
    }
    return 1;
}

/* The next word as the value of `shown`. */
static int value_take(struct parse *p, const struct cli_flag *f, const char *shown, struct err *err)
{
    const char *next = p->at < p->argc ? p->argv[p->at] : NULL;
    if (f->type == FLAG_FIELDS) {
        if (next && names_fields(p->c->command, next)) {
            p->at++;
            return value_add(p, f, next, err);
        }
        return value_add(p, f, NULL, err);
    }
    if (!next || strncmp(next, "--", 2) == 0)
        return ERR(err, ERR_INVALID, "flag '%s' needs a value: %s", shown,
                   f->value ? f->value : "VALUE");
    p->at++;
    return value_add(p, f, next, err);
}

static int parse_long(struct parse *p, const char *word, struct err *err)
{
    str_t name = str_of(word + 2), text = { 0 };
    int has_value = str_cut(str_of(word + 2), '=', &name, &text);
    if (!has_value)
        name = str_of(word + 2);
    const struct cli_flag *f = flag_find(p->c, name, 0);
    if (!f)
        return flag_unknown(p->c, word, name, err);
    if (f->type == FLAG_SWITCH) {
        if (!has_value || str_is(text, "true"))
            return value_add(p, f, NULL, err);
        if (str_is(text, "false"))
            return 0;
        return ERR(err, ERR_INVALID, "flag '--%s' takes no value", f->name);
    }
    if (has_value)
        return value_add(p, f, text.p, err);
    return value_take(p, f, word, err);
}

/* "-v", "-vv", "-n5", "-n=5", "-n 5". */
static int parse_short(struct parse *p, const char *word, struct err *err)
{
    for (const char *s = word + 1; *s; s++) {
        const struct cli_flag *f = flag_find(p->c, (str_t){ 0 }, *s);
        int rc;
        if (!f)
            return flag_unknown(p->c, word, str_of(word + 1), err);
        if (f->type == FLAG_SWITCH) {
            rc = value_add(p, f, NULL, err);
            if (rc)
                return rc;
            continue;
        }
        if (s[1])
            return value_add(p, f, s[1] == '=' ? s + 2 : s + 1, err);
        return value_take(p, f, word, err);
    }
    return 0;
}

static void word_add(struct parse *p, const char *word)
{
    p->words[p->word_n++] = word;
    if (p->c->command)
        return;
    if (p->word_n == 1) {
        p->c->command = cli_command_find(word);
        p->command_words = p->c->command ? 1 : 0;
    } else if (p->word_n == 2) {
        const char *two = arena_printf(&p->c->arena, "%s %s", p->words[0], word);
        p->c->command = cli_command_find(two);
        p->command_words = p->c->command ? 2 : 0;
    } else if (p->word_n == 3) {
        const char *three = arena_printf(&p->c->arena, "%s %s %s", p->words[0], p->words[1], word);
        p->c->command = cli_command_find(three);
        p->command_words = p->c->command ? 3 : 0;
    }
}

/* "monitor notify" of "monitor notify ls": both words as one, when it is a group in a group. */
static void join_groups(struct parse *p)
{
    if (p->c->command || p->word_n < 2)
        return;
    const char *two = arena_printf(&p->c->arena, "%s %s", p->words[0], p->words[1]);
    if (!cli_is_group(two))
        return;
    p->words++;
    p->words[0] = two;
    p->word_n--;
}

/* What other tools call it, so that the answer is useful; never run. */
static const char *other_word(const char *word)
{
    static const char *const words[][2] = {
        { "serve", "server" },
        { "start", "server" },
        { "ui", "server" },
        { "up", "server" },
        { "train", "run" },
        { "repro", "run" },
        { "fit", "run" },
        { "models", "model ls" },
        { "runs", "exp ls" },
        { "experiments", "exp ls" },
        { "list", "model ls" },
        { "ls", "model ls" },
        { "logs", "exp show" },
        { "datasets", "data ls" },
        { "log", "audit log" },
        { "endpoints", "status" },
        { "endpoint", "status" },
        { "ps", "status" },
        { "new", "init" },
        { "create", "init" },
        { "check", "run --dry-run" },
        { "undo", "rollback" },
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i][0], word) == 0)
            return words[i][1];
    return NULL;
}

static int command_unknown(struct cli *c, const char *const *words, struct err *err)
{
    size_t all_n, k = 0;
    const struct cli_command *all = cli_commands(&all_n);
    const char *names[128];
    int group = cli_is_group(words[0]);
    for (size_t i = 0; i < all_n && k < ARRAY_LEN(names); i++) {
        if (all[i].hidden)
            continue;
        size_t len = strcspn(all[i].name, " "), group_n = strlen(words[0]);
        if (!group)
            names[k++] = arena_strndup(&c->arena, all[i].name, len);
        else if (strncmp(all[i].name, words[0], group_n) == 0 && all[i].name[group_n] == ' ')
            names[k++] = all[i].name + group_n + 1;
    }
    const char *wrong = group ? words[1] : words[0];
    const char *near = group ? NULL : other_word(wrong);
    if (!near)
        near = str_nearest(str_of(wrong), names, k);
    if (!near && group && (strcmp(wrong, "list") == 0 || strcmp(wrong, "get") == 0))
        near = *wrong == 'l' ? "ls" : "show";
    if (near)
        cli_hint(c, "did you mean 'slipway %s%s%s'?", group ? words[0] : "", group ? " " : "",
                 near);
    else
        cli_hint(c, "slipway help");
    if (group)
        return ERR(err, ERR_INVALID, "unknown command '%s %s'", words[0], words[1]);
    return ERR(err, ERR_INVALID, "unknown command '%s'", words[0]);
}

static int args_check(struct cli *c, struct err *err)
{
    const struct cli_command *cmd = c->command;
    if (c->want_help || strcmp(cmd->name, "help") == 0)
        return 0;
    if (c->arg_n < (size_t)cmd->min_args) {
        cli_hint(c, "usage: slipway %s %s", cmd->name, cmd->usage);
        return ERR(err, ERR_INVALID, "'slipway %s' needs %s", cmd->name, cmd->usage);
    }
    if (c->arg_n > (size_t)cmd->max_args) {
        cli_hint(c, "usage: slipway %s%s%s", cmd->name, *cmd->usage ? " " : "", cmd->usage);
        return ERR(err, ERR_INVALID, "'slipway %s' does not take '%s'", cmd->name,
                   c->args[cmd->max_args]);
    }
    return 0;
}

/* Flags given before the command must be the command's or global. */
static int flags_check(struct cli *c, struct err *err)
{
    size_t n;
    const struct cli_flag *global = cli_global_flags(&n);
    for (size_t i = 0; i < c->value_n; i++) {
        str_t name = str_of(c->values[i].flag->name);
        if (flag_in(global, n, name, 0) || flag_in(c->command->flags, c->command->flag_n, name, 0))
            continue;
        const char *word = arena_printf(&c->arena, "--%s", c->values[i].flag->name);
        return flag_unknown(c, word, name, err);
    }
    return 0;
}

static int parse_words(struct parse *p, struct err *err)
{
    int only_words = 0;
    while (p->at < p->argc) {
        const char *word = p->argv[p->at++];
        int rc = 0;
        if (!str_is_utf8(str_of(word)))
            return ERR(err, ERR_INVALID, "argument %d is not UTF-8", p->at - 1);
        if (only_words || word[0] != '-' || !word[1])
            word_add(p, word);
        else if (strcmp(word, "--") == 0)
            only_words = 1;
        else if (word[1] == '-')
            rc = parse_long(p, word, err);
        else
            rc = parse_short(p, word, err);
        if (rc)
            return rc;
    }
    return 0;
}

int cli_parse(struct cli *c, int argc, char **argv, struct err *err)
{
    if (argc > WORDS_MAX)
        return ERR(err, ERR_LIMIT, "more than %d arguments", WORDS_MAX);
    struct parse p = { .c = c, .argc = argc, .argv = argv, .at = 1 };
    size_t room = (size_t)argc + 1; /* a word like -vvv holds as many flags as letters */
    for (int i = 0; i < argc; i++)
        room += strlen(argv[i]);
    p.words = ARENA_TRY_ARRAY(&c->arena, (size_t)argc + 1, const char *);
    c->values = ARENA_TRY_ARRAY(&c->arena, room, struct cli_value);
    if (!p.words || !c->values)
        return ERR(err, ERR_NOMEM, "out of memory");
    int rc = parse_words(&p, err);
    c->want_help = cli_count(c, "help") > 0;
    if (rc)
        return rc;
    join_groups(&p);
    c->args = p.words + p.command_words;
    c->arg_n = p.word_n - p.command_words;
    if (c->command) {
        rc = flags_check(c, err);
        return rc ? rc : args_check(c, err);
    }
    if (p.word_n == 0 || (p.word_n == 1 && cli_is_group(p.words[0])))
        return 0;
    return command_unknown(c, p.words, err);
}

const char *cli_get(const struct cli *c, const char *flag)
{
    for (size_t i = c->value_n; i-- > 0;)
        if (strcmp(c->values[i].flag->name, flag) == 0)
            return c->values[i].text;
    return NULL;
}

int cli_count(const struct cli *c, const char *flag)
{
    int n = 0;
    for (size_t i = 0; i < c->value_n; i++)
        n += strcmp(c->values[i].flag->name, flag) == 0;
    return n;
}

const char *cli_next(const struct cli *c, const char *flag, size_t *cursor)
{
    while (*cursor < c->value_n) {
        const struct cli_value *v = &c->values[(*cursor)++];
        if (strcmp(v->flag->name, flag) == 0)
            return v->text;
    }
    return NULL;
}

int cli_get_int(struct cli *c, const char *flag, int64_t fallback, int64_t min, int64_t max,
                int64_t *out, struct err *err)
{
    const char *text = cli_get(c, flag);
    int64_t v;
    if (!text) {
        *out = fallback;
        return 0;
    }
    if (parse_i64(str_of(text), &v) != 0 || v < min || v > max)
        return ERR(err, ERR_INVALID, "--%s must be from %lld to %lld, not '%s'", flag,
                   (long long)min, (long long)max, text);
    *out = v;
    return 0;
}
