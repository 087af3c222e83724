/* Parsing of options by table, and suggestions for words that are misspelt. */
#include "tools/cli.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const cli_option group_json[] = {
    {"json", 0, NULL, "Write the result as JSON to standard output."},
    {0},
};
static const cli_option group_load[] = {
    {"limits", 0, "LIST",
     "Limits of the load, as nodes=1000,file_bytes=1G; `hostile` sets strict ones."},
    {"data-dir", 0, "DIR", "Folder of external data (default: the model's)."},
    {"plugin", 0, "FILE",
     "Load a plugin first; may be repeated. It is code: trust it."},
    {0},
};
static const cli_option group_device[] = {
    {"device", 0, "NAME", "Device to run on (default: cpu)."},
    {"threads", 't', "N",
     "Threads, 0 for as many as the process may use (default: 0)."},
    {"level", 0, "N", "Optimisation: 0 as written, 1 exact, 2 all (default: 2)."},
    {"dim", 0, "NAME=N", "Size of a symbolic dim; may be repeated."},
    {"exact-conv", 0, NULL,
     "Only convolution algorithms that round like the plain one."},
    {"small-memory", 0, NULL,
     "No packed weights larger than the weights: slower convolutions."},
    {"strict-qdq", 0, NULL,
     "Quantized models: keep every rounding to integers that the file has."},
    {"capture", 0, NULL,
     "On a device: record the run once and repeat it as a whole (CUDA graphs)."},
    {"tf32", 0, NULL,
     "On a GPU: float32 products may round their factors to 10 bits of mantissa."},
    {0},
};
static const cli_option group_inputs[] = {
    {"mean", 0, "LIST",
     "Subtracted from image channels after scaling to 0..1, as 0.5,0.5,0.5."},
    {"std", 0, "LIST", "Image channels are divided by it, after the mean."},
    {"raw-dims", 0, "LIST",
     "Shape of a .raw file where the model leaves it open, as 1,3,224,224."},
    {0},
};
static const cli_option group_all[] = {
    {"quiet", 'q', NULL, "Say nothing but errors."},
    {"verbose", 'v', NULL, "Say more."},
    {"help", 'h', NULL, "Show this help."},
    {0},
};

const cli_option *cli_option_at(const cli_command *c, int i)
{
    const cli_option *lists[] = {
        c->options,
        c->groups & CLI_INPUTS ? group_inputs : NULL,
        c->groups & CLI_DEVICE ? group_device : NULL,
        c->groups & CLI_LOAD ? group_load : NULL,
        c->groups & CLI_JSON ? group_json : NULL,
        group_all,
    };
    for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
        for (const cli_option *o = lists[k]; o && o->name; o++)
            if (i-- == 0)
                return o;
    return NULL;
}

const cli_command *cli_find(const char *name)
{
    for (int i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

/* ---- suggestions ---- */

/* Edits (insert, delete, replace, swap neighbours) between two words of up to 31
 * characters. */
static int distance(const char *a, const char *b)
{
    enum { MOST = 32 };
    int d[MOST][MOST];
    int n = (int)strnlen(a, MOST - 1), m = (int)strnlen(b, MOST - 1);
    for (int i = 0; i <= n; i++) {
        for (int j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = d[i - 1][j] + 1 < best ? d[i - 1][j] + 1 : best;
            best = d[i][j - 1] + 1 < best ? d[i][j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[n][m];
}

const char *cli_nearest(const char *word, cli_name_fn name, const void *user)
{
    const char *best = NULL, *candidate;
    int best_distance = 0;
    for (int i = 0; (candidate = name(i, user)) != NULL; i++) {
        int d = distance(word, candidate);
        if (!best || d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    }
    return best && best_distance <= 1 + (int)strlen(word) / 3 ? best : NULL;
}

static const char *option_name(int i, const void *user)
{
    const cli_option *o = cli_option_at(user, i);
    return o ? o->name : NULL;
}

/* ---- parsing ---- */

static const cli_option *find_option(const cli_command *c, const char *name, size_t n)
{
    const cli_option *o;
    for (int i = 0; (o = cli_option_at(c, i)) != NULL; i++)
        if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            return o;
    return NULL;
}

static const cli_option *find_letter(const cli_command *c, char letter)
{
    const cli_option *o;
    for (int i = 0; (o = cli_option_at(c, i)) != NULL; i++)
        if (o->letter == letter)
            return o;
    return NULL;
}

static exit_code unknown_option(const cli_command *c, const char *word)
{
    char name[64];
    size_t n = strcspn(word, "=");
    n = n < sizeof(name) - 1 ? n : sizeof(name) - 1;
    memcpy(name, word, n);
    name[n] = 0;
    const char *near =
        name[0] == '-' && name[1] == '-' ? cli_nearest(name + 2, option_name, c) : NULL;
    if (near)
        return say_usage(c->name, "unknown option %s; did you mean --%s?", name, near);
    return say_usage(c->name, "unknown option %s", name);
}

static exit_code keep(cli_args *a, const cli_option *o, const char *value)
{
    cli_given g = {o, value};
    return IGI_PUSH(&a->given, g) ? EXIT_OK : say_failure(NULL);
}

/* The option at argv[*i]; moves *i to its last word. */
static exit_code take_option(cli_args *a, int argc, char *const *argv, int *i)
{
    const char *word = argv[*i], *value = NULL;
    const cli_option *o;
    if (word[1] == '-') {
        size_t n = strcspn(word + 2, "=");
        o = find_option(a->command, word + 2, n);
        value = word[2 + n] == '=' ? word + 2 + n + 1 : NULL;
    } else {
        o = find_letter(a->command, word[1]);
        value = o && word[2] ? word + 2 : NULL;
        if (o && !o->value && word[2])
            o = NULL; /* letters do not join */
    }
    if (!o)
        return unknown_option(a->command, word);
    if (!o->value)
        return value ? say_usage(a->command->name, "--%s takes no value", o->name)
                     : keep(a, o, NULL);
    if (!value) {
        if (*i + 1 >= argc)
            return say_usage(a->command->name, "--%s needs a value: %s", o->name,
                             o->value);
        value = argv[++*i];
    }
    return keep(a, o, value);
}

exit_code cli_parse(cli_args *a, const cli_command *c, int argc, char *const *argv)
{
    bool options = true;
    memset(a, 0, sizeof(*a));
    a->command = c;
    for (int i = 0; i < argc; i++) {
        exit_code rc = EXIT_OK;
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && argv[i][0] == '-' && argv[i][1])
            rc = take_option(a, argc, argv, &i);
        else if (!IGI_PUSH(&a->v, argv[i]))
            rc = say_failure(NULL);
        if (rc != EXIT_OK)
            return rc;
    }
    if (cli_flag(a, "help"))
        return EXIT_OK;
    if ((int)a->v.n < c->min)
        return say_usage(c->name, "something is missing: ingot %s %s", c->name,
                         c->usage);
    if (c->max >= 0 && (int)a->v.n > c->max)
        return say_usage(c->name, "'%s' is too much: ingot %s %s", a->v.p[c->max],
                         c->name, c->usage);
    return EXIT_OK;
}

void cli_args_fini(cli_args *a)
{
    IGI_VEC_FREE(&a->v);
    IGI_VEC_FREE(&a->given);
}

/* ---- values ---- */

const char *cli_value_at(const cli_args *a, const char *name, int k)
{
    for (size_t i = 0; i < a->given.n; i++)
        if (strcmp(a->given.p[i].option->name, name) == 0 && k-- == 0)
            return a->given.p[i].value;
    return NULL;
}

bool cli_flag(const cli_args *a, const char *name)
{
    for (size_t i = 0; i < a->given.n; i++)
        if (strcmp(a->given.p[i].option->name, name) == 0)
            return true;
    return false;
}

const char *cli_value(const cli_args *a, const char *name)
{
    const char *last = NULL, *v;
    for (int k = 0; (v = cli_value_at(a, name, k)) != NULL; k++)
        last = v;
    return last;
}

bool cli_json(const cli_args *a)
{
    return (a->command->groups & CLI_JSON) && cli_flag(a, "json");
}

exit_code
cli_int(const cli_args *a, const char *name, int64_t lo, int64_t hi, int64_t *out)
{
    const char *text = cli_value(a, name);
    char *end;
    if (!text)
        return EXIT_OK;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < lo || v > hi)
        return say_usage(a->command->name,
                         "--%s is '%s', expected a whole number from %" PRId64
                         " to %" PRId64,
                         name, text, lo, hi);
    *out = v;
    return EXIT_OK;
}

exit_code cli_double(const cli_args *a, const char *name, double lo, double *out)
{
    const char *text = cli_value(a, name);
    char *end;
    if (!text)
        return EXIT_OK;
    errno = 0;
    double v = strtod(text, &end);
    if (errno || end == text || *end || !(v >= lo))
        return say_usage(a->command->name,
                         "--%s is '%s', expected a number of at least %g", name, text,
                         lo);
    *out = v;
    return EXIT_OK;
}

bool cli_size(const char *text, uint64_t *out)
{
    static const char units[] = "kmgt";
    char *end;
    errno = 0;
    if (!isdigit((unsigned char)*text))
        return false;
    unsigned long long v = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
    if (errno || (*end && (!unit || end[1])))
        return false;
    int shift = unit ? (int)(unit - units + 1) * 10 : 0;
    if (v > UINT64_MAX >> shift)
        return false;
    *out = (uint64_t)v << shift;
    return true;
}
