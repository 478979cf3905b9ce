/* SPDX-License-Identifier: Apache-2.0
 * The files of the page inside the binary, made by scripts/mkassets from web/. Immutable; any
 * thread. Names carry a hash of the content, so that an address never means two things. Only
 * compressed forms are kept. An empty table means that the build had no Node packages. */
#pragma once
#include <stddef.h>

struct ui_asset {
    const char *name;    /* "main-4K2MI6S.js", served as /assets/NAME */
    const char *type;    /* media type */
    const char *role;    /* "main", "style", "view:endpoint", "lang:zh-CN", "chunk", "text" */
    const char *imports; /* names of the chunks that it loads first, blank-separated */
    const char *etag;    /* 16 hex digits of the content's SHA-256 */
    size_t raw_n;        /* bytes uncompressed */
    const unsigned char *gz;
    size_t gz_n;
    const unsigned char *br;
    size_t br_n;
};

const struct ui_asset *ui_asset_table(size_t *out_n);
