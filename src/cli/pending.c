/* SPDX-License-Identifier: Apache-2.0
 * Weak stand-ins for modules that have not landed yet; each goes when its owner's symbol comes. */
#include "project/init.h"
#include "project/project.h"

#define WEAK __attribute__((weak))

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

WEAK int project_load_dir(struct arena *a, const char *dir, const char *file,
                          const struct project_options *options, struct project **out,
                          struct diags *diags, str_t *out_text, struct err *err)
{
    (void)a, (void)dir, (void)file, (void)options, (void)out, (void)diags, (void)out_text;
    return ERR(err, ERR_UNAVAILABLE, "the project reader is not built yet");
}

WEAK int project_load(struct arena *a, str_t text, const struct project_options *options,
                      struct project **out, struct diags *diags, struct err *err)
{
    (void)a, (void)text, (void)options, (void)out, (void)diags;
    return ERR(err, ERR_UNAVAILABLE, "the project reader is not built yet");
}
WEAK void diags_write(const struct diags *d, enum diag_format format, int color, struct buf *out)
{
    (void)d, (void)format, (void)color, (void)out;
}
