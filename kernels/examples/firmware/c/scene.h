/* What the examples in C share: model, picture, and what is printed of the result. */
#ifndef SCENE_H
#define SCENE_H

#include <stddef.h>
#include <stdint.h>

#include "mambalite.h"

#define WIDTH 24
#define HEIGHT 16
#define ROW_BYTES (WIDTH * 3)

/* A model file is read in place, and has to begin at a multiple of 16 bytes. */
extern const uint8_t model_begin[], model_end[];

/* What a digest begins with. */
#define DIGEST_OF_NOTHING 0x811c9dc5u

/* Row y of the picture: slopes in red and green, a weave in blue. */
void picture_row(size_t y, uint8_t row[ROW_BYTES]);

/* Takes a magnified row into the digest that `context` points to: FNV-1a with 32 bits, over the bytes. */
void digest_row(void *context, size_t y, const uint8_t *row, size_t row_bytes);

/* Prints how a run ended, and of a good one its memory and its digest; returns the code to end with. */
int report(mambalite_status status, const mambalite_model *model, uint32_t digest);

#endif
