/* SPDX-License-Identifier: Apache-2.0
 * An MLflow model folder around an ONNX file: what `mlflow.pyfunc.load_model` and
 * `mlflow.onnx.load_model` read as it stands. The same arguments give the same bytes in every file.
 */
#pragma once
#include "codec/json.h"
#include "model/signature.h"

struct mlmodel {
    str_t onnx; /* the model file */
    const struct signature *signature;
    const struct json
        *example; /* one row, an object by input name; NULL = none. Unknown names are left out */
    const char *run_id;        /* NULL = none */
    int64_t created_ms;        /* utc_time_created */
    const char *artifact_path; /* NULL = "model" */
};

/* Writes MLmodel, model.onnx, conda.yaml, python_env.yaml, requirements.txt and, with an example,
 * input_example.json and serving_input_example.json into dir, which is made. Not synced: the folder
 * is imported by digest. */
int mlmodel_write(const struct mlmodel *m, const char *dir, struct err *err) WARN_UNUSED;

/* What an MLmodel file says about an ONNX model. Texts are in the arena. */
struct mlmodel_info {
    const char *data; /* path of the ONNX file inside the folder: "model.onnx" */
    int has_signature;
    struct signature signature;
    const char *example; /* path of the input example, or NULL */
};
/* Reads dir/MLmodel; ERR_INVALID when the model has no ONNX flavour (the message lists those that
 * it has) or the file is malformed, ERR_NOT_FOUND when there is none. */
int mlmodel_read(struct arena *a, const char *dir, struct mlmodel_info *out,
                 struct err *err) WARN_UNUSED;
