#include "scene.h"

#include "board.h"

__asm__(
    ".section .rodata.model, \"a\"\n"
    ".balign 16\n"
    ".global model_begin\n"
    "model_begin: .incbin \"" MODEL_FILE "\"\n"
    ".global model_end\n"
    "model_end:\n"
    ".previous\n");

void picture_row(size_t y, uint8_t row[ROW_BYTES]) {
    for (size_t x = 0; x < WIDTH; x++) {
        row[3 * x] = (uint8_t)(x * 10);
        row[3 * x + 1] = (uint8_t)(y * 16);
        row[3 * x + 2] = (uint8_t)((x ^ y) * 8);
    }
}

void digest_row(void *context, size_t y, const uint8_t *row, size_t row_bytes) {
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

int report(mambalite_status status, const mambalite_model *model, uint32_t digest) {
    if (status != MAMBALITE_STATUS_OK) {
        board_print("error: ");
        board_print(mambalite_status_name(status));
        board_print("\n");
        return 1;
    }
    size_t bytes = 0;
    if (mambalite_memory_bytes(model, WIDTH, &bytes) == MAMBALITE_STATUS_OK) {
        print_hex("memory", (uint32_t)bytes);
    }
    print_hex("digest", digest);
    return 0;
}
