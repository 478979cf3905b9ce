/* SPDX-License-Identifier: Apache-2.0
 * What the prediction protocols share: from a request to an answer through the serving table. */
#pragma once
#include "api/route.h"
#include "serve/serve.h"

/* Answers `rq` with the predictions of name/version: {"predictions": …}, or {"outputs": …} when
 * `columns` is set and the body came as inputs. Adds the headers prediction_id and x-prediction-id
 * (the same: proxies drop names with '_'); row i > 0 of a request goes by "<id>:i" when labels
 * come. dataframes: also MLflow's forms. The error is written by the caller's protocol. Inline:
 * takes no lock. */
struct predict_options {
    str_t name, version; /* version.n = 0: the one that serves */
    int dataframes;
    int columns;
    int id_in_body;      /* a member "prediction_id" too, where the protocol is ours */
    const char *no_form; /* message when the body has none of the keys */
};
int predict_answer(struct request *rq, const struct predict_options *options,
                   struct err *err) WARN_UNUSED;
