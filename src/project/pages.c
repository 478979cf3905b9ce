/* SPDX-License-Identifier: Apache-2.0
 * Reference pages from the tables: keys of slipway.yaml, the expression language, error codes. */
#include "codec/expr.h"
#include "project/gate.h"
#include "project/keys.h"
#include "project/project.h"

static const struct {
    const char *object, *title, *prose;
} sections[] = {
    { "file", "The file",
      "A project is a folder with a `slipway.yaml`. It is YAML 1.2, at most 1 MiB and 1000 "
      "data sources, parameters and stages each, without merge keys and tags. Unknown keys are "
      "errors." },
    { "param", "A parameter", "In `params`, a value alone or a map of these keys." },
    { "source", "A data source", "In `data`, one map for each name." },
    { "stage", "A stage",
      "In `stages`, one map for each name. A stage prepares (`do`), splits (`by`, `train`, "
      "`valid`, `test`), trains (`model`) or judges (`gates`); it does exactly one of these." },
    { "step", "A step of `do`", "Each item of the list is one operation." },
    { "one_hot", "Long form of `one_hot`", "`one_hot: { columns: […], drop: … }`." },
    { "drop", "Long form of `drop`", "`drop: { where: … }`." },
    { "rule", "A rule of `expect`",
      "Each item of the list is one rule, with `severity` and `mostly` beside it if need be." },
    { "deploy", "Deploy", "In `deploy`." },
    { "strategy", "Strategy", "In `deploy.strategy`." },
    { "budget", "Budget", "In `deploy.budget`." },
    { "monitor", "Monitor", "In `monitor`." },
    { "monitor_log", "What is kept", "In `monitor.log`." },
    { "monitor_drift", "Drift", "In `monitor.drift`." },
    { "alert", "An alert", "Each item of `monitor.alerts`, with Prometheus's words." },
    { "trigger", "A trigger", "Each item of `triggers`; it has one of `alert` and `labels`." },
    { "retrain", "Retrain", "In `retrain`." },
};

static void put_key(const struct key *k, struct buf *out)
{
    buf_printf(out, "\n### `%s`%s\n\n%s\n\nValue: ", k->name,
               k->flags & KEY_REQUIRED ? " (required)" : "", k->prose);
    shape_describe(k->shape, out);
    buf_printf(out, ". Since %s.\n\n```yaml\n%s\n```\n", k->since, k->example);
    if (k->others[0]) {
        buf_puts(out, "\nElsewhere: ");
        key_others(k, out);
        buf_puts(out, ".\n");
    }
}

static void put_later(const char *object, struct buf *out)
{
    const struct key *k;
    int n = 0;
    for (size_t i = 0; (k = key_at(i)) != NULL; i++)
        if (strcmp(k->object, object) == 0 && (k->flags & KEY_LATER))
            buf_printf(out, "%s`%s`", n++ ? ", " : "\nReserved for later versions: ", k->name);
    if (n)
        buf_puts(out, ".\n");
}

static void put_expressions(struct buf *out)
{
    struct expr_function_info f;
    const struct gate_metric *m;
    buf_puts(out, "\n## Expressions\n\nGates, `derive` and `where` are written in one language, "
                  "the one that also filters lists of runs. From loose to "
                  "tight: `OR`, `AND`, `NOT`, comparisons (`=` `!=` `<` `<=` `>` `>=` `LIKE` "
                  "`ILIKE` `IN` `NOT IN` `IS NULL` `IS NOT NULL`), `??` (the "
                  "right side when the left is null), `+` `-`, `*` `/` `%`, unary `-`, `**`. Texts "
                  "stand in 'single quotes', names with blanks in `` `back "
                  "quotes` ``. Keywords are read in any case. Null in arithmetic or a comparison "
                  "gives null.\n\n| Function | |\n|---|---|\n");
    for (size_t i = 0; expr_function_at(i, &f) == 0; i++)
        buf_printf(out, "| `%s(%s)` | %s |\n", f.name, f.args, f.prose);
    buf_puts(out, "\n## Metrics in gates\n\nAlone they are measured on the test part; "
                  "`valid.rmse`, `train.rmse`, `baseline.rmse` (predicting the mean) and "
                  "`champion.rmse` (the version now deployed, on the same test rows; null without "
                  "one) are measured elsewhere.\n\n| Metric | |\n|---|---|\n");
    for (size_t i = 0; (m = gate_metric_at(i)) != NULL; i++)
        buf_printf(out, "| `%s` | %s |\n", m->name, m->prose);
    buf_puts(out, "\nThese stand for themselves:\n\n| Name | |\n|---|---|\n");
    for (size_t i = 0; (m = gate_single_at(i)) != NULL; i++)
        buf_printf(out, "| `%s` | %s |\n", m->name, m->prose);
}

void project_keys_page(struct buf *out)
{
    buf_puts(out, "# slipway.yaml\n\nThis page is made from the table that the reader uses "
                  "(`src/project/keys.def`). `slipway schema` prints the same as a JSON "
                  "Schema for editors.\n");
    for (size_t s = 0; s < ARRAY_LEN(sections); s++) {
        const struct key *k;
        buf_printf(out, "\n## %s\n\n%s\n", sections[s].title, sections[s].prose);
        for (size_t i = 0; (k = key_at(i)) != NULL; i++)
            if (strcmp(k->object, sections[s].object) == 0 && !(k->flags & KEY_LATER))
                put_key(k, out);
        put_later(sections[s].object, out);
    }
    buf_puts(out, "\n## References\n\n`${params.NAME}` is a parameter, `${env.NAME}` an "
                  "environment variable, `${env.NAME:-default}` one with a default, `$${` the "
                  "two characters themselves. A value that is one reference alone keeps the type "
                  "of what it refers to. Inside `{ }` and `[ ]` write "
                  "references in quotes.\n");
    put_expressions(out);
}

void project_errors_page(struct buf *out)
{
    const struct diag_code *c;
    buf_puts(out, "# Codes of messages about slipway.yaml\n\nThis page is made from "
                  "`src/project/errors.def`; `slipway help E104` prints one entry. E is an "
                  "error, W a warning.\n");
    for (size_t i = 0; (c = diag_code_at(i)) != NULL; i++) {
        buf_putc(out, '\n');
        buf_putc(out, '#');
        diag_code_page(c, out);
    }
}
