/* A picture through the network from C: static memory, row by row. */
#include "scene.h"

/* What the run takes: mambalite_memory_bytes() says how much, and a smaller block is an error. */
static _Alignas(8) uint8_t memory[30 * 1024];
static mambalite_model model;

static mambalite_status upscale(uint32_t *digest) {
    mambalite_run *run = NULL;
    mambalite_status status = mambalite_open(&model, model_begin, (size_t)(model_end - model_begin));
    if (status == MAMBALITE_STATUS_OK) {
        status = mambalite_begin(&model, WIDTH, HEIGHT, memory, sizeof memory, &run);
    }
    for (size_t y = 0; status == MAMBALITE_STATUS_OK && y < HEIGHT; y++) {
        uint8_t row[ROW_BYTES];
        picture_row(y, row);
        status = mambalite_push_row(run, row, sizeof row, digest_row, digest);
    }
    return status;
}

int main(void) {
    uint32_t digest = DIGEST_OF_NOTHING;
    mambalite_status status = upscale(&digest);
    return report(status, &model, digest);
}
