/* SPDX-License-Identifier: Apache-2.0
 * What MLflow's clients send: the first byte chooses the grammar; the rest is a filter, an order, a
 * page token, a path and a request body at once. Accepted paths stay inside; every refusal has a
 * text; a body never ends in anything but an answer. */
#include "fuzz.h"

#include "api/mlflow/mlflow.h"

static const struct mlf_field part_fields[] = { F_INT("part_number", ""), F_STR("etag", ""),
                                                F_STR("url", ""), F_END };
static const struct mlf_field fields[] = { F_STR("name", "rs"),
                                           F_INT("start_time", "i"),
                                           F_DOUBLE("value", "f"),
                                           F_ENUM("status", "s", mlf_run_statuses),
                                           F_STRS("order_by", "at"),
                                           F_MSGS("metrics", "aM", mlf_metric_fields),
                                           F_MSGS("tags", "aT", mlf_tag_fields),
                                           F_STR("upload_id", "s"),
                                           F_INT("num_parts", "i"),
                                           F_MSGS("parts", "a", part_fields),
                                           F_END };

static int accept(struct mlf *m, struct tx *tx)
{
    struct track_pair *tags;
    size_t n;
    (void)tx;
    FUZZ_CHECK(mlf_str(m, "name")[0]);
    return mlf_pairs(m, "tags", &tags, &n);
}

static void check_path(struct mlf *m, const char *text)
{
    const char *out = NULL;
    if (mlf_safe_path(m, text, &out)) {
        FUZZ_CHECK(m->failure);
        return;
    }
    FUZZ_CHECK(out[0] != '/' && !strchr(out, '\\'));
    FUZZ_CHECK(strcmp(out, "..") != 0 && strncmp(out, "../", 3) != 0 && !strstr(out, "/../"));
}

static void check_texts(const char *text, enum mlf_grammar g)
{
    struct request rq;
    struct err err = ERR_INIT;
    struct mlf_clause *list;
    struct mlf_order *order;
    size_t n;
    int64_t offset;
    request_init(&rq);
    struct mlf m = { .rq = &rq, .a = &rq.arena, .err = &err };
    int rc = mlf_filter(&m, g, text, &list, &n);
    FUZZ_CHECK(rc == 0 || (rc < 0 && err.msg[0]));
    for (size_t i = 0; rc == 0 && i < n; i++) {
        (void)mlf_matches(&list[i], &(struct mlf_value){ .text = text });
        (void)mlf_matches(&list[i], &(struct mlf_value){ .is_number = 1, .number = 1 });
    }
    struct json item = { .type = JSON_STRING, .string = str_of(text) };
    struct json items = { .type = JSON_ARRAY, .n = 1, .items = &item };
    struct json_member member = { STR("order_by"), items };
    m.message = (struct json){ .type = JSON_OBJECT, .n = 1, .members = &member };
    IGNORE(mlf_order_by(&m, g, "order_by", &order, &n));
    IGNORE(mlf_offset(&m, text, &offset));
    check_path(&m, text);
    if (str_is_utf8(str_of(text)))
        IGNORE(mlf_check_key(&m, text, "key"));
    request_fini(&rq);
}

static void check_body(str_t body)
{
    struct request rq;
    struct err err = ERR_INIT;
    struct pair header = { STR("content-type"), STR("application/json") };
    request_init(&rq);
    rq.method = STR("POST");
    rq.path = STR("/x");
    rq.headers = &header;
    rq.headers_n = 1;
    rq.body = body;
    if (mlf_serve(&rq, accept, MLF_PLAIN, fields, &err) == 0)
        FUZZ_CHECK(rq.out.n > 0);
    rq.headers = NULL;
    rq.headers_n = 0;
    request_fini(&rq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;
    if (size < 1 || size > 20000)
        return 0;
    text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    check_texts(text, (enum mlf_grammar)(data[0] % 5));
    check_body((str_t){ text, size - 1 });
    free(text);
    return 0;
}
