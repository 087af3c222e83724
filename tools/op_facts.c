#include "tools/op_facts.h"

#include <stdio.h>
#include <string.h>

#include "importers/onnx/versions.h"

const char *op_gradient(const ig_op_def *op)
{
    if (op->gradient == ig_gradient_none)
        return "none";
    if (op->gradient == ig_gradient_forbidden)
        return "forbidden";
    return op->gradient == ig_gradient_todo ? "not yet" : "yes";
}

uint64_t op_types(const ig_op_def *op)
{
    const ig_type_rule *r = op->types;
    return r && r->tv ? r->types : 0;
}

/* Sets of types that have a name; the largest that fits comes first. */
static const struct {
    const char *name;
    uint64_t types;
} sets[] = {
    {"every type", IG_ALL_TYPES}, {"numbers", IG_NUMERIC},   {"floats", IG_FLOATS},
    {"integers", IG_INTEGERS},    {"complex", IG_COMPLEXES}, {"float8", IG_FLOAT8S},
    {"packed", IG_PACKED},
};

static void add(char *buf, size_t size, size_t *at, const char *word)
{
    if (*at < size)
        *at += (size_t)snprintf(buf + *at, size - *at, "%s%s", *at ? ", " : "", word);
}

const char *op_type_list(uint64_t mask, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = 0;
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        if ((mask & sets[i].types) != sets[i].types)
            continue;
        add(buf, size, &at, sets[i].name);
        mask &= ~sets[i].types;
    }
    for (int d = 1; d < IG_DTYPE_COUNT; d++)
        if (mask & IG_BIT(d))
            add(buf, size, &at, ig_dtype_name((ig_dtype)d));
    return buf;
}

int op_versions(const ig_op_def *op, int *versions)
{
    const char *domain = op->domain ? op->domain : "";
    const uint8_t *table = igi_onnx_versions(domain, op->name);
    int n = 0;
    if (strcmp(domain, "ingot") == 0)
        return 0;
    for (; table && n < OP_VERSIONS_MAX && table[n]; n++)
        versions[n] = table[n];
    if (n == 0)
        versions[n++] = (int)op->since;
    return n;
}
