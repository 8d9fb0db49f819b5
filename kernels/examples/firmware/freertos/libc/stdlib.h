/* What FreeRTOS takes of this header, for a compiler without a C library; a project of yours has one. */
#ifndef STDLIB_H
#define STDLIB_H

#include <stddef.h>

#endif
