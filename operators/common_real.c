// Floating-point numbers as text: the shortest digits that read back the same.

#include "operators/common_cast.h"

#include <stdio.h>
#include <stdlib.h>

// Digits of `v` with `p` significant ones, and the exponent of the first.
static int decimal(double v, int p, char *digits)
{
    char text[48];
    int n = 0;
    const char *s = text;
    snprintf(text, sizeof(text), "%.*e", p - 1, v);
    for (; *s && *s != 'e'; s++)
        if (*s >= '0' && *s <= '9')
            digits[n++] = *s;
    digits[n] = 0;
    return *s == 'e' ? (int)strtol(s + 1, NULL, 10) : 0;
}

// `d` rounded to `type`.
static double rounded(ig_dtype type, double d)
{
    uint64_t room = 0;
    igi_put_f64(type, &room, 0, d);
    return igi_get_f64(type, &room, 0);
}

void igi_print_real(ig_dtype dtype, double v, char *buf, size_t size)
{
    char digits[24];
    const char *sign = signbit(v) ? "-" : "";
    int p = 1, exponent = 0;
    if (v != v || isinf(v)) {
        snprintf(buf, size, "%s", v != v ? "nan" : v < 0 ? "-inf" : "inf");
        return;
    }
    for (; p <= 17; p++) {
        char text[32];
        snprintf(text, sizeof(text), "%.*e", p - 1, v); // read back in the same locale
        if (rounded(dtype, strtod(text, NULL)) == v)
            break;
    }
    exponent = decimal(fabs(v), p, digits);
    int n = (int)strlen(digits);
    if (v != 0 && (exponent < -4 || exponent >= 16))
        snprintf(buf, size, "%s%c%s%se%c%02d", sign, digits[0], n > 1 ? "." : "",
                 digits + 1, exponent < 0 ? '-' : '+', abs(exponent));
    else if (exponent < 0)
        snprintf(buf, size, "%s0.%.*s%s", sign, -exponent - 1, "0000", digits);
    else if (n <= exponent + 1)
        snprintf(buf, size, "%s%s%.*s.0", sign, digits, exponent + 1 - n,
                 "0000000000000000");
    else
        snprintf(buf, size, "%s%.*s.%s", sign, exponent + 1, digits,
                 digits + exponent + 1);
}
