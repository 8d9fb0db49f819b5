/* FreeRTOS on a Cortex-M4F at 25 MHz (QEMU's mps2-an386), with static memory alone. */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#include <stdnoreturn.h>

noreturn void assertion_failed(const char *condition);

#define configASSERT(condition) \
    do {                        \
        if (!(condition)) {     \
            assertion_failed(#condition); \
        }                       \
    } while (0)

#define configCPU_CLOCK_HZ 25000000
#define configTICK_RATE_HZ 1000
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_32_BITS
#define configUSE_PREEMPTION 1
#define configUSE_IDLE_HOOK 0
#define configUSE_TICK_HOOK 0
#define configMAX_PRIORITIES 4
#define configMINIMAL_STACK_SIZE 128
#define configCHECK_FOR_STACK_OVERFLOW 0

#define configSUPPORT_STATIC_ALLOCATION 1
#define configSUPPORT_DYNAMIC_ALLOCATION 0
#define configKERNEL_PROVIDED_STATIC_MEMORY 1

#define INCLUDE_vTaskDelay 1
#define INCLUDE_vTaskSuspend 1

/* Interrupts that call FreeRTOS have this priority or a lower one (a greater number). */
#define configMAX_SYSCALL_INTERRUPT_PRIORITY 0x80
#define configKERNEL_INTERRUPT_PRIORITY 0xe0

/* The names in the vector table of the board. */
#define vPortSVCHandler SVC_Handler
#define xPortPendSVHandler PendSV_Handler
#define xPortSysTickHandler SysTick_Handler

#endif
