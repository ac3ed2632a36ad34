/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/seek_table.h"

#define START_MAGIC 0x184D2A5Eu
#define END_MAGIC 0x8F92EAB1u

static void put(uint32_t number, uint8_t *out)
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(number >> (8 * i));
    }
}

void ladle_seek_table_put_start(uint32_t frames, uint8_t *out)
{
    put(START_MAGIC, out);
    put(frames * LADLE_SEEK_TABLE_ENTRY_BYTES + LADLE_SEEK_TABLE_END_BYTES, out + 4);
}

void ladle_seek_table_put_entry(uint32_t frame_bytes, uint32_t bytes, uint8_t *out)
{
    put(frame_bytes, out);
    put(bytes, out + 4);
}

void ladle_seek_table_put_end(uint32_t frames, uint8_t *out)
{
    put(frames, out);
    out[4] = 0;
    put(END_MAGIC, out + 5);
}
