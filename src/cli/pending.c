/* SPDX-License-Identifier: Apache-2.0
 * Weak stand-ins for modules that have not landed yet; each goes when its owner's symbol comes. */
#include "flow/flow.h"
#include "project/init.h"
#include "project/project.h"

#define WEAK __attribute__((weak))

WEAK int flow_open(struct flow **out, const struct flow_options *options, struct err *err)
{
    (void)options, (void)err;
    *out = NULL;
    return 0;
}
WEAK void flow_close(struct flow *f)
{
    (void)f;
}
WEAK void flow_wait(struct flow *f, int64_t ms)
{
    (void)f, (void)ms;
}
WEAK int flow_tick(struct flow *f, int *out_running, struct err *err)
{
    (void)f, (void)out_running;
    return ERR(err, ERR_UNAVAILABLE, "runs are not built yet");
}
WEAK int project_init(struct arena *a, const char *dir, const char *template_name, const char *name,
                      struct project_init_result *out, struct err *err)
{
    (void)a, (void)dir, (void)template_name, (void)name, (void)out;
    return ERR(err, ERR_UNAVAILABLE, "templates are not built yet");
}
WEAK void project_schema(struct buf *out)
{
    buf_puts(out, "{}");
}

WEAK int flow_sweep(struct flow *f, struct err *err)
{
    (void)f, (void)err;
    return 0;
}
WEAK int flow_thread_start(struct flow *f, struct err *err)
{
    (void)f, (void)err;
    return 0;
}

WEAK int project_load_dir(struct arena *a, const char *dir, const char *file,
                          const struct project_options *options, struct project **out,
                          struct diags *diags, str_t *out_text, struct err *err)
{
    (void)a, (void)dir, (void)file, (void)options, (void)out, (void)diags, (void)out_text;
    return ERR(err, ERR_UNAVAILABLE, "the project reader is not built yet");
}
