/* Digits drawn from a 5x7 font: shifted, scaled, slanted, with noise. For the examples.
 */
#ifndef EXAMPLES_DIGITS_H
#define EXAMPLES_DIGITS_H

#include <ingot/base.h>

#define DIGIT_SIDE 28

/* n images [n, 1, 28, 28] in 0..1 and labels [n] of int64; the caller owns both. */
ig_status digits_draw(int n, unsigned seed, ig_tensor **images, ig_tensor **labels);
/* One image as an 8-bit grey PNG. */
int digits_write_png(const char *path, const float *image);

#endif
