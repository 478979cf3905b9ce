/* SPDX-License-Identifier: Apache-2.0
 * Reads project files, one JSON string a line, and writes for each what the reader says:
 * {"document": …, "codes": [{"code", "message", "filled"}]}; filled: the value of a parameter is
 * wrong there. The document is our own tree of the YAML, so that the schema judges exactly what the
 * reader judged. With the argument "schema" prints the schema. */
#include <stdio.h>
#include <stdlib.h>

#include "project/project.h"

static void put_node(struct json_out *o, const struct yaml_node *n)
{
    switch (n->kind) {
    case YAML_IS_BOOL: jo_bool(o, n->boolean); break;
    case YAML_IS_INT: jo_int(o, n->integer); break;
    case YAML_IS_FLOAT: jo_double(o, n->number); break;
    case YAML_IS_STRING: jo_str(o, n->text); break;
    case YAML_IS_LIST:
        jo_array(o);
        for (size_t i = 0; i < n->n; i++)
            put_node(o, n->items[i]);
        jo_array_end(o);
        break;
    case YAML_IS_MAP:
        jo_object(o);
        for (size_t i = 0; i < n->n; i++) {
            jo_key_str(o, n->pairs[i].key->text);
            put_node(o, n->pairs[i].value);
        }
        jo_object_end(o);
        break;
    case YAML_IS_NULL: jo_null(o); break;
    }
}

static void answer(str_t line)
{
    struct arena a;
    struct json text;
    struct project *p = NULL;
    struct diags d;
    struct err err = ERR_INIT;
    struct json_out o;
    struct buf b;
    arena_init(&a, MIB(64));
    buf_init(&b, MIB(16));
    json_out_init(&o, &b);
    if (json_parse(&a, line, NULL, &text, &err) == 0 && text.type == JSON_STRING) {
        struct yaml_document *doc = ARENA_NEW(&a, struct yaml_document);
        IGNORE(yaml_parse(&a, text.string, doc, NULL));
        IGNORE(project_load(&a, text.string, NULL, &p, &d, &err));
        jo_object(&o);
        jo_key(&o, "document");
        if (doc->root)
            put_node(&o, doc->root);
        else
            jo_null(&o);
        jo_key(&o, "codes");
        jo_array(&o);
        for (size_t i = 0; i < d.n; i++) {
            jo_object(&o);
            jo_kv_cstr(&o, "code", d.items[i].code);
            jo_kv_cstr(&o, "message", d.items[i].message);
            for (size_t k = 0; k < d.items[i].note_n; k++)
                if (strncmp(d.items[i].notes[k].text, "after filling in", 16) == 0)
                    jo_kv_bool(&o, "filled", 1);
            jo_object_end(&o);
        }
        jo_array_end(&o);
        jo_object_end(&o);
    }
    (void)printf("%s\n", b.p ? b.p : "null");
    buf_fini(&b);
    arena_fini(&a);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    if (argc > 1 && strcmp(argv[1], "schema") == 0) {
        struct buf b;
        buf_init(&b, MIB(4));
        project_schema(&b);
        (void)fputs(b.p, stdout);
        buf_fini(&b);
        return 0;
    }
    while ((n = getline(&line, &cap, stdin)) > 0)
        answer(str_trim((str_t){ line, (size_t)n }));
    free(line);
    return 0;
}
