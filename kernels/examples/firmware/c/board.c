/* Arm MPS2 with image AN386, a Cortex-M4F, in QEMU: start, and semihosting. A project of yours has all of
 * this from its vendor. */
#include "board.h"

#include <stdint.h>

/* Source: Arm, Semihosting for AArch32 and AArch64. */
#define SYS_WRITE0 0x04u
#define SYS_EXIT_EXTENDED 0x20u
#define APPLICATION_EXIT 0x20026u

/* Access to the coprocessors: bits 20 to 23 let everyone use the floating-point unit. */
#define CPACR (*(volatile uint32_t *)0xe000ed88u)

extern uint32_t stack_top, data_begin, data_end, bss_begin, bss_end;
extern const uint32_t data_in_flash;

int main(void);
noreturn void reset(void);
/* The library calls it if it should ever panic; C's own in a project that has one. */
noreturn void abort(void);

static uint32_t call(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt #0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void board_print(const char *text) {
    call(SYS_WRITE0, text);
}

noreturn void board_exit(int code) {
    const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)code};
    for (;;) {
        call(SYS_EXIT_EXTENDED, block);
    }
}

noreturn void abort(void) {
    board_print("aborted\n");
    board_exit(1);
}

static noreturn void fault(void) {
    board_print("fault\n");
    board_exit(1);
}

/* A system has functions of these names. */
#define OTHERWISE_FAULT __attribute__((weak, alias("fault"))) noreturn
OTHERWISE_FAULT void SVC_Handler(void);
OTHERWISE_FAULT void PendSV_Handler(void);
OTHERWISE_FAULT void SysTick_Handler(void);

noreturn void reset(void) {
    CPACR |= 0xfu << 20;
    __asm__ volatile("dsb\n isb" ::: "memory");
    const uint32_t *from = &data_in_flash;
    for (volatile uint32_t *word = &data_begin; word < &data_end; word++) {
        *word = *from++;
    }
    for (volatile uint32_t *word = &bss_begin; word < &bss_end; word++) {
        *word = 0;
    }
    board_exit(main());
}

/* The entries of the vector table that are the core's own, by number. */
__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    [0] = &stack_top,
    [1] = (const void *)reset,
    [2] = (const void *)fault,
    [3] = (const void *)fault,
    [4] = (const void *)fault,
    [5] = (const void *)fault,
    [6] = (const void *)fault,
    [11] = (const void *)SVC_Handler,
    [14] = (const void *)PendSV_Handler,
    [15] = (const void *)SysTick_Handler,
};
