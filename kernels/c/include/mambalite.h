/* mambalite: image super-resolution in the memory that you give it; no allocation.
 *
 * Made of the sources of mambalite-kernels-c by `cargo xtask api`: change those.
 * Guide: kernels/c/README.md */

#ifndef MAMBALITE_H
#define MAMBALITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Words of 8 bytes of an opened model, on any target.
 */
#define MAMBALITE_MODEL_WORDS 96

/**
 * Bytes of stack that are enough for any call, on 32-bit targets.
 */
#define MAMBALITE_STACK_BYTES (24 * 1024)

/**
 * What a call says; zero is good. A call that says something else has done nothing.
 */
enum mambalite_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Done.
   */
  MAMBALITE_STATUS_OK,
  /**
   * A pointer is null.
   */
  MAMBALITE_STATUS_NULL_POINTER,
  /**
   * A pointer is not at the multiple of bytes that it has to be at.
   */
  MAMBALITE_STATUS_MISALIGNED,
  /**
   * A length that no object can have.
   */
  MAMBALITE_STATUS_LENGTH,
  /**
   * The model was not opened, or the run not begun.
   */
  MAMBALITE_STATUS_NOT_OPEN,
  /**
   * The run is at work: it was called from its own sink.
   */
  MAMBALITE_STATUS_BUSY,
  /**
   * The bytes are not those of a model file.
   */
  MAMBALITE_STATUS_NOT_A_MODEL,
  /**
   * The model file is of another version.
   */
  MAMBALITE_STATUS_MODEL_VERSION,
  /**
   * The model file ends early.
   */
  MAMBALITE_STATUS_MODEL_TRUNCATED,
  /**
   * The model file does not have the hash that it states.
   */
  MAMBALITE_STATUS_MODEL_CORRUPTED,
  /**
   * The model file has a value that it may not have.
   */
  MAMBALITE_STATUS_MODEL_INVALID,
  /**
   * The memory is too small: mambalite_memory_bytes() says what is needed.
   */
  MAMBALITE_STATUS_MEMORY_TOO_SMALL,
  /**
   * The picture is empty or too large.
   */
  MAMBALITE_STATUS_PICTURE_SIZE,
  /**
   * The row does not have the bytes of a row.
   */
  MAMBALITE_STATUS_ROW_LENGTH,
  /**
   * All rows of the picture were given already.
   */
  MAMBALITE_STATUS_FINISHED,
  /**
   * A fault that this version has no name for.
   */
  MAMBALITE_STATUS_OTHER,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mambalite_status mambalite_status;
#else
typedef uint32_t mambalite_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A run that has begun: the first bytes of the memory that was given to it.
 */
typedef struct mambalite_run mambalite_run;

/**
 * An opened model. What is in it is the library's; the file that it was opened from must stay where
 * it is, and the struct may be moved.
 */
typedef struct mambalite_model {
  uint64_t opened;
  uint64_t words[MAMBALITE_MODEL_WORDS];
} mambalite_model;

/**
 * Facts of an opened model.
 */
typedef struct mambalite_info {
  /**
   * Bytes of a pixel, in and out.
   */
  uint32_t channels;
  /**
   * Magnification.
   */
  uint32_t scale;
  /**
   * Bits of an activation: 8, 16, or 32 for floats.
   */
  uint32_t activation_bits;
  /**
   * Rows that go in before the first magnified ones come out.
   */
  uint32_t delay_rows;
  /**
   * Bytes of the file; bytes after them are ignored.
   */
  uint32_t file_bytes;
} mambalite_info;

/**
 * Takes magnified row `y` of `row_bytes` bytes, `width * scale * channels`; they are gone after the
 * call. `context` is what was given with the row that went in. It has to return: no longjmp.
 */
typedef void (*mambalite_sink)(void *context, size_t y, const uint8_t *row, size_t row_bytes);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Checks a model file, hash included, and opens it.
 *
 * - model: room for it; kept by the caller as long as it is used.
 * - file: at a multiple of 16 bytes, in flash or RAM; it must not change or go from then on.
 *
 * # Safety
 * `model` is null or points to room for one, `file` is null or points to `file_bytes` bytes.
 */
mambalite_status mambalite_open(struct mambalite_model *model,
                                const uint8_t *file,
                                size_t file_bytes);

/**
 * Tells the facts of an opened model.
 *
 * # Safety
 * Each pointer is null or points to a struct of its type.
 */
mambalite_status mambalite_model_info(const struct mambalite_model *model,
                                      struct mambalite_info *info);

/**
 * Tells the bytes of memory that a run takes, for rows of `width` pixels and any number of rows.
 *
 * # Safety
 * Each pointer is null or points to a value of its type.
 */
mambalite_status mambalite_memory_bytes(const struct mambalite_model *model,
                                        size_t width,
                                        size_t *bytes);

/**
 * Begins a run of a picture of `width` by `height` pixels, and ends one that was in that memory, also
 * where it fails.
 *
 * - memory: at a multiple of 8 bytes; the run's until it is no longer used. There is nothing to
 *   close or to free.
 * - run: gets the run, which lies in that memory. It may be used by one thread at a time.
 *
 * # Safety
 * `model` and `run` are null or point to values of their types; `memory` is null or points to
 * `memory_bytes` bytes of which nothing else is used, the model included.
 */
mambalite_status mambalite_begin(const struct mambalite_model *model,
                                 size_t width,
                                 size_t height,
                                 void *memory,
                                 size_t memory_bytes,
                                 struct mambalite_run **run);

/**
 * Takes the next row, `width * channels` bytes, and hands the magnified rows that are known by then
 * to the sink, in order; with the last row all that are left.
 *
 * # Safety
 * `run` is null or came of mambalite_begin() and nothing else uses it now; `row` is null or points
 * to `row_bytes` bytes outside of the run's memory; `sink` is null or does as its type says.
 */
mambalite_status mambalite_push_row(struct mambalite_run *run,
                                    const uint8_t *row,
                                    size_t row_bytes,
                                    mambalite_sink sink,
                                    void *context);

/**
 * Returns a short text for a status, in English, ending with a zero; any number may be asked for.
 */
const char *mambalite_status_name(uint32_t status);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MAMBALITE_H */
