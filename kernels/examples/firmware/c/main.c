/* A picture through the network from C: static memory, row by row. */
#include "board.h"
#include "mambalite.h"

#define WIDTH 24
#define HEIGHT 16
#define ROW_BYTES (WIDTH * 3)

/* A model file is read in place, and has to begin at a multiple of 16 bytes. */
extern const uint8_t model_begin[], model_end[];
__asm__(
    ".section .rodata.model, \"a\"\n"
    ".balign 16\n"
    ".global model_begin\n"
    "model_begin: .incbin \"" MODEL_FILE "\"\n"
    ".global model_end\n"
    "model_end:\n"
    ".previous\n");

/* What the run takes: mambalite_memory_bytes() says how much, and a smaller block is an error. */
static _Alignas(8) uint8_t memory[30 * 1024];
static mambalite_model model;

/* Row y of the picture of all examples: slopes in red and green, a weave in blue. */
static void picture_row(size_t y, uint8_t row[ROW_BYTES]) {
    for (size_t x = 0; x < WIDTH; x++) {
        row[3 * x] = (uint8_t)(x * 10);
        row[3 * x + 1] = (uint8_t)(y * 16);
        row[3 * x + 2] = (uint8_t)((x ^ y) * 8);
    }
}

/* FNV-1a with 32 bits, over the bytes of the magnified rows. */
static void digest_row(void *context, size_t y, const uint8_t *row, size_t row_bytes) {
    uint32_t *digest = context;
    (void)y;
    for (size_t i = 0; i < row_bytes; i++) {
        *digest = (*digest ^ row[i]) * 0x01000193u;
    }
}

static void print_hex(const char *name, uint32_t value) {
    char text[] = " 0x00000000\n";
    for (int i = 10; i >= 3; i--, value >>= 4) {
        text[i] = "0123456789abcdef"[value & 15];
    }
    board_print(name);
    board_print(text);
}

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
    uint32_t digest = 0x811c9dc5u;
    mambalite_status status = upscale(&digest);
    if (status != MAMBALITE_STATUS_OK) {
        board_print("error: ");
        board_print(mambalite_status_name(status));
        board_print("\n");
        return 1;
    }
    size_t bytes = 0;
    if (mambalite_memory_bytes(&model, WIDTH, &bytes) == MAMBALITE_STATUS_OK) {
        print_hex("memory", (uint32_t)bytes);
    }
    print_hex("digest", digest);
    return 0;
}
