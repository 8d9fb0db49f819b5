/* Two tasks of FreeRTOS: one has a row of the picture at each tick, as a camera would; the other, below it,
 * takes rows from a queue and magnifies them. Nothing is allocated. */
#include "FreeRTOS.h"
#include "queue.h"
#include "task.h"

#include "board.h"
#include "scene.h"

/* Rows that wait; the camera waits where the network is behind. */
#define ROWS 2

#define CAMERA_PRIORITY (tskIDLE_PRIORITY + 2)
#define UPSCALE_PRIORITY (tskIDLE_PRIORITY + 1)

static uint8_t row_memory[ROWS * ROW_BYTES];
static StaticQueue_t row_queue;
static QueueHandle_t rows;

static StaticTask_t camera_task, upscale_task;
static StackType_t camera_stack[256];
/* The network and what it calls, this file's own frames included. */
static StackType_t upscale_stack[MAMBALITE_STACK_BYTES / sizeof(StackType_t)];

/* What the run takes: mambalite_memory_bytes() says how much, and a smaller block is an error. */
static _Alignas(8) uint8_t memory[30 * 1024];
static mambalite_model model;

static void camera(void *unused) {
    (void)unused;
    for (size_t y = 0; y < HEIGHT; y++) {
        uint8_t row[ROW_BYTES];
        picture_row(y, row);
        configASSERT(xQueueSend(rows, row, portMAX_DELAY) == pdPASS);
        vTaskDelay(1);
    }
    for (;;) {
        vTaskDelay(portMAX_DELAY);
    }
}

static void upscale(void *unused) {
    (void)unused;
    mambalite_run *run = NULL;
    uint32_t digest = DIGEST_OF_NOTHING;
    mambalite_status status = mambalite_open(&model, model_begin, (size_t)(model_end - model_begin));
    if (status == MAMBALITE_STATUS_OK) {
        status = mambalite_begin(&model, WIDTH, HEIGHT, memory, sizeof memory, &run);
    }
    for (size_t y = 0; status == MAMBALITE_STATUS_OK && y < HEIGHT; y++) {
        uint8_t row[ROW_BYTES];
        configASSERT(xQueueReceive(rows, row, portMAX_DELAY) == pdPASS);
        status = mambalite_push_row(run, row, sizeof row, digest_row, &digest);
    }
    board_exit(report(status, &model, digest));
}

void assertion_failed(const char *condition) {
    board_print("failed: ");
    board_print(condition);
    board_print("\n");
    board_exit(1);
}

int main(void) {
    rows = xQueueCreateStatic(ROWS, ROW_BYTES, row_memory, &row_queue);
    xTaskCreateStatic(camera, "camera", sizeof camera_stack / sizeof camera_stack[0], NULL, CAMERA_PRIORITY,
                      camera_stack, &camera_task);
    xTaskCreateStatic(upscale, "upscale", sizeof upscale_stack / sizeof upscale_stack[0], NULL,
                      UPSCALE_PRIORITY, upscale_stack, &upscale_task);
    vTaskStartScheduler();
    /* It comes back only where it could not start. */
    return 1;
}
