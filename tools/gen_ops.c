/* gen_ops: writes include/ingot/ops.h and frontend_c/ops_gen.c from the registry.
 *
 *     gen_ops header > include/ingot/ops.h
 *     gen_ops source > frontend_c/ops_gen.c
 *
 * For each operator: an option struct (the public twin of the attribute struct in the
 * operator's file; offsets are asserted), its initialiser, and a call with all inputs,
 * options and outputs. Both files are committed; a test runs this again and compares.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ingot/ingot.h>

#include "graph/ir/registry.h"

extern const ig_op_def *const igi_builtin_ops[];

typedef struct names {
    char lower[96], upper[96]; /* "max_pool", "MAX_POOL" */
} names;

/* "MaxPool" of domain ingot -> "ingot_max_pool". */
static names names_of(const ig_op_def *op)
{
    names n;
    size_t at = 0;
    if (op->domain) {
        for (const char *d = op->domain; *d && at < 40; d++)
            n.lower[at++] = *d == '.' ? '_' : *d;
        n.lower[at++] = '_';
    }
    for (const char *s = op->name; *s && at < sizeof(n.lower) - 2; s++) {
        bool starts = isupper((unsigned char)*s) && s != op->name &&
                      (islower((unsigned char)s[-1]) || isdigit((unsigned char)s[-1]) ||
                       (s[1] && islower((unsigned char)s[1])));
        if (starts)
            n.lower[at++] = '_';
        n.lower[at++] = (char)tolower((unsigned char)*s);
    }
    n.lower[at] = 0;
    for (size_t i = 0; i <= at; i++)
        n.upper[i] = (char)toupper((unsigned char)n.lower[i]);
    return n;
}

static bool is_hidden(const ig_op_def *op)
{
    for (const ig_port *p = op->inputs; p && p->name; p++)
        if (p->flags & (IG_SEQ | IG_MAP))
            return true;
    return op->flags & IG_OP_SUBGRAPH;
}

/* Rows in the order of their offsets: the order of the struct's members. */
static int sorted_rows(const ig_op_def *op, const ig_attr_def **rows)
{
    int n = 0;
    for (const ig_attr_def *a = op->attrs; a && a->name && n < 64; a++) {
        int at = n++;
        for (; at > 0 && rows[at - 1]->offset > a->offset; at--)
            rows[at] = rows[at - 1];
        rows[at] = a;
    }
    return n;
}

static const char *const c_types[] = {
    "",           "int64_t ",   "float ",      "const char *",
    "ig_ints ",   "ig_floats ", "ig_strings ", "ig_tensor *",
    "ig_graph *", "int64_t ",   "int64_t ",    "const ig_type *"};

static void print_default(const ig_attr_def *a)
{
    switch (a->kind) {
    case IG_A_INT:
    case IG_A_ENUM:
    case IG_A_DTYPE:
        if (a->def.i == INT64_MIN)
            printf("INT64_MIN");
        else
            printf("%" PRId64, a->def.i);
        break;
    case IG_A_FLOAT: {
        char text[64];
        snprintf(text, sizeof(text), "%.9g", (double)(float)a->def.f);
        printf("%s%s", text, strpbrk(text, ".en") ? "f" : ".0f");
        break;
    }
    case IG_A_STRING:
        if (a->def.s)
            printf("\"%s\"", a->def.s);
        else
            printf("0");
        break;
    case IG_A_TENSOR:
    case IG_A_GRAPH:
    case IG_A_TYPE:
        printf("0");
        break;
    default:
        printf("{0, 0}");
        break;
    }
}

static void print_enum(const names *n, const ig_attr_def *a)
{
    if (a->kind != IG_A_ENUM)
        return;
    printf("enum {");
    for (int i = 0; a->names[i]; i++) {
        printf("%s\n    IG_%s_", i ? "," : "", n->upper);
        for (const char *s = a->name; *s; s++)
            putchar(toupper((unsigned char)*s));
        putchar('_');
        for (const char *s = *a->names[i] ? a->names[i] : "none"; *s; s++)
            putchar(isalnum((unsigned char)*s) ? toupper((unsigned char)*s) : '_');
        printf(" = %d", i);
    }
    printf("\n};\n");
}

static void print_options(const ig_op_def *op, const names *n)
{
    const ig_attr_def *rows[64];
    int count = sorted_rows(op, rows);
    if (!op->attrs_size)
        return;
    for (int i = 0; i < count; i++)
        print_enum(n, rows[i]);
    printf("typedef struct ig_%s_opts {\n", n->lower);
    printf("    uint32_t struct_size IG_DEF(sizeof(ig_%s_opts));\n", n->lower);
    for (int i = 0; i < count; i++) {
        printf("    %s%s", c_types[rows[i]->kind], rows[i]->name);
        if (rows[i]->kind != IG_A_INTS && rows[i]->kind != IG_A_FLOATS &&
            rows[i]->kind != IG_A_STRINGS) {
            printf(" IG_DEF(");
            print_default(rows[i]);
            printf(")");
        } else {
            printf(" IG_DEF(IG_NO_LIST_)");
        }
        printf("; /* %s */\n", rows[i]->doc);
    }
    printf("} ig_%s_opts;\n#define IG_%s_OPTS_INIT {sizeof(ig_%s_opts)", n->lower,
           n->upper, n->lower);
    for (int i = 0; i < count; i++) {
        printf(", ");
        print_default(rows[i]);
    }
    printf("}\n");
}

static int count_ports(const ig_port *ports)
{
    int n = 0;
    while (ports && ports[n].name)
        n++;
    return n;
}

/* A port's name as a C identifier that collides with nothing. */
static void print_port(const char *name)
{
    printf("%s", !strcmp(name, "c")       ? "c_in"
                 : !strcmp(name, "where") ? "where_in"
                                          : name);
    if (!strcmp(name, "if") || !strcmp(name, "int") || !strcmp(name, "o"))
        putchar('_');
}

static void print_signature(const ig_op_def *op, const names *n)
{
    int n_out = count_ports(op->outputs);
    bool many = n_out && op->outputs[n_out - 1].flags & IG_VARIADIC;
    printf("%sig_op_%s_at(const char *where, ig_ctx *c",
           many ? "ig_status " : "ig_tensor *", n->lower);
    for (const ig_port *p = op->inputs; p && p->name; p++) {
        printf(p->flags & IG_VARIADIC ? ", ig_tensor *const *" : ", ig_tensor *");
        print_port(p->name);
        if (p->flags & IG_VARIADIC) {
            printf(", int n_");
            print_port(p->name);
        }
    }
    if (op->attrs_size)
        printf(", const ig_%s_opts *opts", n->lower);
    if (many)
        printf(", ig_tensor **outs, int n_outs");
    for (int i = 1; i < n_out && !many; i++)
        printf(", ig_tensor **out_%s", op->outputs[i].name);
    printf(")");
}

static void print_doc(const ig_op_def *op)
{
    printf("/* ");
    for (const char *s = op->doc; *s; s++) {
        putchar(*s);
        if (*s == '\n')
            printf(" * ");
    }
    printf("\n *");
    for (const ig_port *p = op->inputs; p && p->name; p++)
        printf(" %s: %s", p->name, p->doc);
    printf(" */\n");
}

static void print_header(const ig_op_def *op)
{
    names n = names_of(op);
    char full[160];
    printf("\n/* ---- %s ---- */\n", igi_op_full_name(op, full, sizeof(full)));
    print_doc(op);
    print_options(op, &n);
    printf("IG_API ");
    print_signature(op, &n);
    printf(";\n#define ig_op_%s(...) ig_op_%s_at(IG_HERE, __VA_ARGS__)\n", n.lower,
           n.lower);
}

static void print_asserts(const ig_op_def *op, const names *n)
{
    if (!op->attrs_size)
        return;
    printf("_Static_assert(sizeof(ig_%s_opts) == %u, \"%s\");\n", n->lower,
           op->attrs_size, op->name);
    for (const ig_attr_def *a = op->attrs; a && a->name; a++)
        printf("_Static_assert(offsetof(ig_%s_opts, %s) == %u, \"%s\");\n", n->lower,
               a->name, a->offset, a->name);
}

/* Inputs: fixed ones, then those of the variadic port. */
static void print_inputs(const ig_op_def *op, int n_in, const char *fail)
{
    bool variadic = n_in && op->inputs[n_in - 1].flags & IG_VARIADIC;
    int fixed = variadic ? n_in - 1 : n_in;
    if (variadic) {
        const char *list = op->inputs[n_in - 1].name;
        printf("    ig_tensor *in[IG_PORTS_MAX];\n    int n_in = 0;\n");
        printf("    if (n_%s < 0 || n_%s > IG_PORTS_MAX - %d)\n", list, list, fixed);
        printf("        %s;\n", fail);
        for (int i = 0; i < fixed; i++) {
            printf("    in[n_in++] = ");
            print_port(op->inputs[i].name);
            printf(";\n");
        }
        printf("    for (int i = 0; i < n_%s; i++)\n        in[n_in++] = %s[i];\n",
               list, list);
        return;
    }
    if (!n_in) {
        printf("    ig_tensor *const *in = NULL;\n    int n_in = 0;\n");
        return;
    }
    printf("    ig_tensor *in[] = {");
    for (int i = 0; i < n_in; i++) {
        printf("%s", i ? ", " : "");
        print_port(op->inputs[i].name);
    }
    printf("};\n    int n_in = %d;\n", n_in);
}

static void print_source(const ig_op_def *op)
{
    names n = names_of(op);
    int n_in = count_ports(op->inputs), n_out = count_ports(op->outputs);
    bool many = n_out && op->outputs[n_out - 1].flags & IG_VARIADIC;
    const char *opts = op->attrs_size ? "opts" : "NULL";
    char full[160];
    igi_op_full_name(op, full, sizeof(full));
    printf("\n");
    print_asserts(op, &n);
    print_signature(op, &n);
    printf("\n{\n    static const ig_op_def *op;\n");
    print_inputs(op, n_in,
                 many ? "return igi_too_many(c, where)"
                      : "return igi_too_many(c, where), NULL");
    printf("    const ig_op_def *d = igi_op_once(&op, \"%s\");\n", full);
    if (many) {
        printf("    return igi_wrap(c, where, d, %s, in, n_in, outs, n_outs);\n}\n",
               opts);
        return;
    }
    if (n_out <= 1) {
        printf("    return igi_wrap1(c, where, d, %s, in, n_in);\n}\n", opts);
        return;
    }
    printf("    ig_tensor **outs[] = {");
    for (int i = 1; i < n_out; i++)
        printf("%sout_%s", i > 1 ? ", " : "", op->outputs[i].name);
    printf("};\n    return igi_wrap_n(c, where, d, %s, in, n_in, outs, %d);\n}\n", opts,
           n_out - 1);
}

static const char header_top[] =
    "/* Generated by tools/gen_ops.c from the operators' own tables: do not edit.\n"
    " *\n"
    " * Every operator with all its inputs and attributes. Inputs may be NULL where "
    "optional,\n"
    " * options may be NULL for defaults, outputs after the first are returned through "
    "pointers\n"
    " * (NULL: not wanted). Options start from IG_<OP>_OPTS_INIT in C; in C++ their "
    "members have\n"
    " * default values. Results belong to the innermost scope; errors stay in the "
    "context. */\n"
    "#ifndef INGOT_OPS_H\n#define INGOT_OPS_H\n\n#include "
    "<ingot/train.h>\n\nIG_EXTERN_C_BEGIN\n\n"
    "#ifdef __cplusplus\n#define IG_NO_LIST_ {0, nullptr}\n#endif\n";

static const char source_top[] =
    "/* Generated by tools/gen_ops.c from the operators' own tables: do not edit. */\n"
    "#include <ingot/ops.h>\n\n#include \"frontend_c/wrap.h\"\n";

/* The operators alone: kernels and wrappers are compiled with what is written here. */
static ig_registry *operators(void)
{
    ig_registry *r = NULL;
    ig_status rc = igi_registry_new(&r);
    for (int i = 0; rc == IG_OK && igi_builtin_ops[i]; i++)
        rc = igi_registry_add(r, igi_builtin_ops[i]);
    return rc == IG_OK ? r : NULL;
}

int main(int argc, char **argv)
{
    ig_registry *r = operators();
    bool header = argc == 2 && !strcmp(argv[1], "header");
    if (argc != 2 || (!header && strcmp(argv[1], "source") != 0)) {
        fprintf(stderr, "usage: gen_ops header|source\n");
        return 2;
    }
    if (!r) {
        fprintf(stderr, "%s\n", ig_error_message());
        return 1;
    }
    printf("%s", header ? header_top : source_top);
    for (int i = 0; i < igi_registry_count(r); i++) {
        const ig_op_def *op = igi_registry_at(r, i)->def;
        if (!is_hidden(op))
            header ? print_header(op) : print_source(op);
    }
    if (header)
        printf("\nIG_EXTERN_C_END\n#endif\n");
    igi_registry_free(r);
    return 0;
}
