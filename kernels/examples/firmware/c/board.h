/* What the example needs of its board: text, and an end. */
#ifndef BOARD_H
#define BOARD_H

#include <stdnoreturn.h>

/* Prints a text on the host's console. */
void board_print(const char *text);

/* Ends the emulator; anything but zero is a failure. */
noreturn void board_exit(int code);

#endif
