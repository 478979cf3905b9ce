/* SPDX-License-Identifier: Apache-2.0
 * Writing and reading MLflow model folders. Keys and formats: MLflow 3, mlflow/models/model.py and
 * mlflow/onnx/__init__.py, as its loader reads them. */
#include "model/mlmodel.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "codec/hash.h"
#include "codec/yaml.h"
#include "model/ascii.h"

enum { TEXT_MAX = 4 << 20 };

#define MLFLOW_VERSION "3.11.1"
#define PYTHON_VERSION "3.11.2"
#define ONNX_VERSION "1.16.0"

static const char requirements[] = "mlflow>=2.9\nnumpy\nonnx>=1.15\nonnxruntime>=1.17\npandas\n";

/* In single quotes every character but the quote itself is plain; the text is ASCII without
 * newlines. */
static void put_quoted(struct buf *b, str_t s)
{
    buf_putc(b, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'')
            buf_putc(b, '\'');
        buf_putc(b, s.p[i]);
    }
    buf_putc(b, '\'');
}

static void put_columns(struct buf *b, const char *key, const struct signature_column *c, size_t n)
{
    struct buf json;
    buf_init(&json, TEXT_MAX);
    signature_write_columns(c, n, &json);
    buf_printf(b, "  %s: ", key);
    put_quoted(b, buf_view(&json));
    buf_putc(b, '\n');
    b->failed |= json.failed;
    buf_fini(&json);
}

/* "2026-11-24 23:02:25.123000", as MLflow writes it, from RFC 3339. */
static void put_time(struct buf *b, int64_t ms)
{
    char text[CLOCK_TEXT_MAX];
    size_t n = clock_format(ms, text);
    buf_puts(b, "utc_time_created: '");
    for (size_t i = 0; i < n; i++) {
        if (text[i] != 'Z')
            buf_putc(b, text[i] == 'T' ? ' ' : text[i]);
    }
    buf_puts(b, "000'\n");
}

static void put_mlmodel(const struct mlmodel *m, struct buf *b)
{
    char digest[SHA256_HEX];
    sha256_of(m->onnx, digest);
    buf_puts(b, "artifact_path: ");
    yaml_put_string(b, str_of(m->artifact_path ? m->artifact_path : "model"));
    buf_puts(b,
             "\nflavors:\n"
             "  onnx:\n    code: null\n    data: model.onnx\n    onnx_version: " ONNX_VERSION "\n"
             "    providers:\n    - CPUExecutionProvider\n"
             "  python_function:\n    data: model.onnx\n"
             "    env:\n      conda: conda.yaml\n      virtualenv: python_env.yaml\n"
             "    loader_module: mlflow.onnx\n    python_version: " PYTHON_VERSION "\n"
             "mlflow_version: " MLFLOW_VERSION "\n");
    buf_printf(b, "model_size_bytes: %zu\nmodel_uuid: '%.32s'\n", m->onnx.n, digest);
    if (m->run_id) {
        buf_puts(b, "run_id: ");
        put_quoted(b, str_of(m->run_id));
        buf_putc(b, '\n');
    }
    if (m->example)
        buf_puts(b, "saved_input_example_info:\n  artifact_path: input_example.json\n  "
                    "pandas_orient: split\n"
                    "  serving_input_path: serving_input_example.json\n  type: dataframe\n");
    if (m->signature) {
        buf_puts(b, "signature:\n");
        put_columns(b, "inputs", m->signature->inputs, m->signature->input_n);
        put_columns(b, "outputs", m->signature->outputs, m->signature->output_n);
        buf_puts(b, "  params: null\n");
    }
    put_time(b, m->created_ms);
}

/* pandas' "split" form of the one row. */
static void put_example(const struct mlmodel *m, struct json_out *o)
{
    jo_object(o);
    jo_key(o, "columns");
    jo_array(o);
    for (size_t i = 0; i < m->signature->input_n; i++)
        jo_cstr(o, m->signature->inputs[i].name);
    jo_array_end(o);
    jo_key(o, "data");
    jo_array(o);
    jo_array(o);
    for (size_t i = 0; i < m->signature->input_n; i++) {
        const struct json *v = json_get(m->example, m->signature->inputs[i].name);
        if (v)
            jo_value(o, v);
        else
            jo_null(o);
    }
    jo_array_end(o);
    jo_array_end(o);
    jo_object_end(o);
}

static int put_file(const char *dir, const char *name, str_t bytes, struct err *err)
{
    struct arena a;
    arena_init(&a, 1 << 16);
    int rc = fs_write_cache(fs_join(&a, dir, name), bytes, err);
    arena_fini(&a);
    return rc;
}

static int put_text(const char *dir, const char *name, struct buf *b, struct err *err)
{
    if (b->failed)
        return ERR(err, ERR_LIMIT, "'%s' of the model does not fit in %d MiB", name,
                   TEXT_MAX >> 20);
    int rc = put_file(dir, name, buf_view(b), err);
    buf_clear(b);
    return rc;
}

static int put_examples(const struct mlmodel *m, const char *dir, struct buf *b, struct err *err)
{
    struct json_out o;
    json_out_init(&o, b);
    put_example(m, &o);
    int rc = put_text(dir, "input_example.json", b, err);
    if (rc)
        return rc;
    json_out_init(&o, b);
    jo_object(&o);
    jo_key(&o, "dataframe_split");
    put_example(m, &o);
    jo_object_end(&o);
    return put_text(dir, "serving_input_example.json", b, err);
}

static int put_environment(const char *dir, struct buf *b, struct err *err)
{
    str_t rest = STR(requirements), line;
    int rc = put_file(dir, "requirements.txt", rest, err);
    if (rc)
        return rc;
    buf_puts(b, "channels:\n- conda-forge\ndependencies:\n- python=" PYTHON_VERSION
                "\n- pip\n- pip:\n");
    while (str_cut(rest, '\n', &line, &rest))
        buf_printf(b, "  - %.*s\n", STR_ARG(line));
    buf_puts(b, "name: mlflow-env\n");
    rc = put_text(dir, "conda.yaml", b, err);
    if (rc)
        return rc;
    buf_puts(b, "python: " PYTHON_VERSION "\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\n"
                "dependencies:\n- -r requirements.txt\n");
    return put_text(dir, "python_env.yaml", b, err);
}

int mlmodel_write(const struct mlmodel *m, const char *dir, struct err *err)
{
    struct buf b;
    if (m->example && !m->signature)
        return ERR(err, ERR_INVALID, "an input example needs a signature");
    buf_init(&b, TEXT_MAX);
    int rc = fs_mkdirs(dir, err);
    if (rc == 0)
        rc = put_file(dir, "model.onnx", m->onnx, err);
    if (rc == 0)
        rc = put_environment(dir, &b, err);
    if (rc == 0 && m->example)
        rc = put_examples(m, dir, &b, err);
    put_mlmodel(m, &b);
    if (rc == 0) /* last: a folder with an MLmodel is whole */
        rc = put_text(dir, "MLmodel", &b, err);
    buf_fini(&b);
    return rc;
}

/* ---- reading ---- */

static const char *text_of(const struct yaml_node *n)
{
    return n && n->kind == YAML_IS_STRING ? n->text.p : NULL;
}

static int no_onnx(const struct yaml_node *flavors, struct err *err)
{
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; flavors && i < flavors->n && flavors->kind == YAML_IS_MAP; i++) {
        if (b.n + flavors->pairs[i].key->text.n < 200)
            buf_printf(&b, "%s%.*s", i ? ", " : "", STR_ARG(flavors->pairs[i].key->text));
    }
    int rc = ERR(err, ERR_INVALID, "the model has no ONNX flavour, only: %s", b.n ? b.p : "none");
    buf_fini(&b);
    return rc;
}

static int read_columns(struct arena *a, const struct yaml_node *signature,
                        struct mlmodel_info *out, struct err *err)
{
    const char *inputs = text_of(yaml_get(signature, "inputs")),
               *outputs = text_of(yaml_get(signature, "outputs"));
    struct json_member members[2] = { { .key = STR("inputs"), .value = { .type = JSON_NULL } },
                                      { .key = STR("outputs"), .value = { .type = JSON_NULL } } };
    struct json both = { .type = JSON_OBJECT, .n = 2, .members = members };
    if (inputs)
        members[0].value = (struct json){ .type = JSON_STRING, .string = str_of(inputs) };
    if (outputs)
        members[1].value = (struct json){ .type = JSON_STRING, .string = str_of(outputs) };
    out->has_signature = inputs != NULL;
    return signature_read(a, &both, &out->signature, err);
}

int mlmodel_read(struct arena *a, const char *dir, struct mlmodel_info *out, struct err *err)
{
    struct yaml_document doc;
    struct mlmodel_info info = { 0 };
    str_t text;
    int rc = fs_read(a, fs_join(a, dir, "MLmodel"), LIMIT_YAML_BYTES, &text, err);
    if (rc == 0)
        rc = yaml_parse(a, text, &doc, err);
    if (rc)
        return rc != ERR_NOT_FOUND ? err_prefix(err, rc, "MLmodel") : rc;
    const struct yaml_node *flavors = yaml_get(doc.root, "flavors"),
                           *onnx = yaml_get(flavors, "onnx");
    info.data = text_of(yaml_get(onnx, "data"));
    if (!info.data)
        return no_onnx(flavors, err);
    if (!fs_is_safe_relative(str_of(info.data)))
        return ERR(err, ERR_INVALID, "MLmodel: the path '%.100s' of the model leaves its folder",
                   info.data);
    const struct yaml_node *signature = yaml_get(doc.root, "signature");
    if (signature && signature->kind == YAML_IS_MAP)
        rc = read_columns(a, signature, &info, err);
    if (rc)
        return err_prefix(err, rc, "MLmodel");
    const char *example =
        text_of(yaml_get(yaml_get(doc.root, "saved_input_example_info"), "artifact_path"));
    info.example = example && fs_is_safe_relative(str_of(example)) ? example : NULL;
    *out = info;
    return 0;
}
