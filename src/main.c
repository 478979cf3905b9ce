/* SPDX-License-Identifier: Apache-2.0
 * Which role this process plays: server, CLI or child. */
#include <stdio.h>

int main(int argc, char **argv)
{
    (void)argc, (void)argv;
    (void)puts(SLIPWAY_VERSION);
    return 0;
}
