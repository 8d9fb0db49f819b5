/* What FreeRTOS takes of this header, for a compiler without a C library; the functions are in the library of
 * the kernels. A project of yours has one. */
#ifndef STRING_H
#define STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);

#endif
