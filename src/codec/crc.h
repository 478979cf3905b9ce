/* SPDX-License-Identifier: Apache-2.0
 * CRC-32C (Castagnoli, reflected 0x82f63b78), as in iSCSI (RFC 3720 appendix B.4): finds torn and
 * damaged records in our own files. Not for adversaries. Any thread. */
#pragma once
#include "base/str.h"

/* Of bytes after bytes whose sum is `before` (0 at the start). */
uint32_t crc32c(uint32_t before, const void *p, size_t n);
