/* A plugin with a file format: graphs as a few lines of text.
 *
 *     netlist 1
 *     input x float32 N 3          # a name is a symbolic dim
 *     const w float32 3 1 : 0.5 -1 2
 *     h = MatMul(x, w)
 *     y = LeakyRelu(h) alpha=0.1
 *     output y
 *
 *     cc -shared -fPIC $(pkg-config --cflags ingot) netlist.c -o netlist.so
 *     ingot run --plugin ./netlist.so model.netlist ones --dim N=2 */
#include <ingot/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

IG_PLUGIN("netlist", 1);

static const char magic[] = "netlist 1";
enum { LINE_MAX_BYTES = 4096, RANK_MAX = 8, NUMBERS_MAX = 1024 };

static bool sniff(const void *bytes, size_t size)
{
    return size >= sizeof(magic) && memcmp(bytes, magic, sizeof(magic) - 1) == 0;
}

/* Cuts the next word off; NULL at the end. */
static char *next_word(char **p)
{
    char *word = *p + strspn(*p, " \t\r");
    char *end = word + strcspn(word, " \t\r");
    *p = *end ? end + 1 : end;
    *end = 0;
    return *word ? word : NULL;
}

/* "float32 N 3": type and dims, up to the end or a colon; *rest: what follows it. */
static ig_status read_type(
    ig_graph *g, char *text, ig_dtype *dtype, int *rank, int64_t *dims, char **rest)
{
    char *colon = strchr(text, ':');
    *rest = colon ? colon + 1 : text + strlen(text);
    if (colon)
        *colon = 0;
    char *word = next_word(&text);
    *dtype = word ? ig_dtype_parse(word) : IG_UNDEFINED;
    if (*dtype == IG_UNDEFINED)
        return ig_fail(IG_INVALID_GRAPH, "'%s' is no element type", word ? word : "");
    for (*rank = 0; (word = next_word(&text)) != NULL; ++*rank) {
        char *end;
        if (*rank == RANK_MAX)
            return ig_fail(IG_LIMIT, "more than %d dims", RANK_MAX);
        dims[*rank] = strtoll(word, &end, 10);
        if (*end && ig_graph_dim(g, word, &dims[*rank]) != IG_OK)
            return ig_error_status();
        if (!*end && dims[*rank] < 0)
            return ig_fail(IG_INVALID_GRAPH, "dim %s is negative", word);
    }
    return IG_OK;
}

static ig_status read_input(ig_graph *g, const char *name, char *text)
{
    int64_t dims[RANK_MAX];
    ig_value_id id;
    ig_dtype dtype;
    char *rest;
    int rank;
    IG_TRY(read_type(g, text, &dtype, &rank, dims, &rest));
    return ig_graph_input(g, name, dtype, rank, dims, &id);
}

/* float32 constants: "const w float32 3 1 : 0.5 -1 2". */
static ig_status read_constant(ig_graph *g, const char *name, char *text)
{
    float numbers[NUMBERS_MAX];
    int64_t dims[RANK_MAX];
    ig_tensor *t = NULL;
    ig_value_id id;
    ig_dtype dtype;
    size_t n = 0;
    char *rest, *end;
    int rank;
    IG_TRY(read_type(g, text, &dtype, &rank, dims, &rest));
    if (dtype != IG_FLOAT32)
        return ig_fail(IG_UNSUPPORTED, "constants are float32");
    for (float v = strtof(rest, &end); end != rest; v = strtof(rest = end, &end)) {
        if (n == NUMBERS_MAX)
            return ig_fail(IG_LIMIT, "more than %d numbers", NUMBERS_MAX);
        numbers[n++] = v;
    }
    IG_TRY(ig_tensor_new_copy(&t, dtype, rank, dims, numbers, n * sizeof(float)));
    ig_status rc = ig_graph_constant(g, name, t, &id);
    ig_tensor_unref(t);
    return rc;
}

static ig_status read_line(ig_graph *g, char *line)
{
    char name[64];
    int at = 0;
    if (sscanf(line, " input %63s %n", name, &at) == 1 && at)
        return read_input(g, name, line + at);
    if (sscanf(line, " const %63s %n", name, &at) == 1 && at)
        return read_constant(g, name, line + at);
    if (sscanf(line, " output %63s", name) == 1) {
        ig_value_id id = ig_graph_find(g, name);
        return id.i ? ig_graph_output(g, name, id)
                    : ig_fail(IG_NOT_FOUND, "'%s' is not known here", name);
    }
    return ig_graph_make_text(g, line, NULL);
}

static ig_status read_graph(ig_graph *g, const ig_source *s)
{
    const char *p = s->bytes, *end = p + s->size;
    for (int number = 1; p < end; number++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((stop ? stop : end) - p);
        char line[LINE_MAX_BYTES];
        if (n >= sizeof(line) || memchr(p, 0, n))
            return ig_fail(IG_INVALID_GRAPH,
                           "line %d is longer than %d bytes, or binary", number,
                           LINE_MAX_BYTES - 1);
        memcpy(line, p, n);
        line[n] = 0;
        line[strcspn(line, "#")] = 0;
        if (number > 1 && line[strspn(line, " \t\r")] && read_line(g, line) != IG_OK)
            return ig_fail(ig_error_status(), "line %d: %s", number,
                           ig_error_message());
        p += n + 1;
    }
    return IG_OK;
}

static const ig_frontend_def format = {
    IG_FRONTEND_HEAD,
    .name = "netlist",
    .doc = "Graphs as lines of text: inputs, constants, one node a line, outputs.",
    .sniff = sniff,
    .read = read_graph,
};
static const ig_frontend_def *const formats[] = {&format, NULL};
IG_PLUGIN_EXPORT(.frontends = formats);
