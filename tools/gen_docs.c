/* gen_docs: writes docs/operators.md from the registry.
 *
 *     gen_docs > docs/operators.md
 *
 * The page is committed; a test runs this again and compares. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ingot/ingot.h>

#include "importers/onnx/versions.h"
#include "tools/op_facts.h"

static void print_types(uint64_t mask)
{
    char text[OP_TYPES_SIZE];
    fputs(op_type_list(mask, text, sizeof(text)), stdout);
}

/* Documentation in a table cell: one line, no bars. */
static void print_cell(const char *s)
{
    for (; s && *s; s++) {
        if (*s == '|')
            putchar('\\');
        putchar(*s == '\n' ? ' ' : *s);
    }
}

/* ---- ports, attributes, kernels ---- */

static void print_port_flags(uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {{IG_OPTIONAL, "optional"},
                 {IG_VARIADIC, "any number"},
                 {IG_HETERO, "of any types"},
                 {IG_SEQ, "a sequence"},
                 {IG_MAP, "a map"},
                 {IG_VALUE, "read as a value"},
                 {IG_TYPE_ONLY, "only its type is read"},
                 {IG_DYNAMIC, "its size follows the data"},
                 {IG_MUTATED, "overwritten"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (flags & words[i].flag)
            printf(", %s", words[i].word);
}

static void print_ports(const char *title, const ig_port *p)
{
    for (; p && p->name; p++) {
        printf("| %s | `%s` | %c", title, p->name, p->tv);
        print_port_flags(p->flags);
        printf(" | ");
        print_cell(p->doc);
        printf(" |\n");
    }
}

static void print_default(const ig_attr_def *a)
{
    if (a->flags & IG_REQUIRED) {
        printf("required");
        return;
    }
    switch ((ig_attr_kind)a->kind) {
    case IG_A_INT:
        printf("int, %" PRId64, a->def.i);
        break;
    case IG_A_FLOAT:
        printf("float, %g", a->def.f);
        break;
    case IG_A_STRING:
        printf("string, \"%s\"", a->def.s ? a->def.s : "");
        break;
    case IG_A_ENUM:
        printf("string, \"%s\"", a->names[a->def.i]);
        break;
    case IG_A_DTYPE:
        printf("type, %s",
               a->def.i ? ig_dtype_name((ig_dtype)a->def.i) : "the operator's choice");
        break;
    default:
        printf("absent");
        break;
    }
}

static void print_attrs(const ig_attr_def *a)
{
    for (; a && a->name; a++) {
        printf("| attribute | `%s` | ", a->name);
        print_default(a);
        printf(" | ");
        print_cell(a->doc);
        if (a->names) {
            printf(" One of:");
            for (const char *const *n = a->names; *n; n++)
                printf(" \"%s\"%s", *n, n[1] ? "," : ".");
        }
        printf(" |\n");
    }
}

static void print_kernels(const igi_op *op)
{
    for (int k = 0; k < op->n_kernels[0]; k++) {
        const ig_kernel_def *d = op->kernels[0][k];
        printf("| kernel | `%s` | cpu | ", d->name);
        print_types(d->types ? d->types : IG_ALL_TYPES);
        if (d->needs & IG_NEED_SAME_SHAPE)
            printf("; inputs of one shape");
        if (d->needs & IG_NEED_NONEMPTY)
            printf("; not for empty tensors");
        if (d->needs & IG_KERNEL_VARIES)
            printf("; not where results must not vary between runs");
        if (d->supports)
            printf("; may refuse a call and say why (`IG_LOG=dispatch`)");
        printf(" |\n");
    }
}

static void print_op(const igi_op *op)
{
    char name[160];
    const ig_op_def *d = op->def;
    printf("\n## %s\n\n", igi_op_full_name(d, name, sizeof(name)));
    printf("%s\n\n", d->doc ? d->doc : "");
    printf("Since opset %u. Gradient: %s.", d->since, op_gradient(d));
    for (const ig_type_rule *t = d->types; t && t->tv; t++) {
        printf(" %c: ", t->tv);
        print_types(t->types);
        printf(".");
    }
    printf("\n\n| | name | type | |\n|---|---|---|---|\n");
    print_ports("input", d->inputs);
    print_ports("output", d->outputs);
    print_attrs(d->attrs);
    print_kernels(op);
}

/* ---- the page ---- */

static void print_versions(const ig_op_def *op)
{
    int v[OP_VERSIONS_MAX], n = op_versions(op, v);
    for (int i = 0; i < n; i++)
        printf("%s%d", i ? ", " : "", v[i]);
}

static void print_kernel_cell(const ig_kernel_def *k)
{
    printf("%s", k->name);
    if (k->types && k->types != IG_ALL_TYPES) {
        printf(" (");
        print_types(k->types);
        printf(")");
    }
    printf(", ");
}

static void print_row(const igi_op *op)
{
    char name[160];
    igi_op_full_name(op->def, name, sizeof(name));
    printf("| [%s](#", name);
    for (const char *s = name; *s;
         s++) /* the anchor that renderers make of a heading */
        if (*s != ':' && *s != '.')
            putchar(*s >= 'A' && *s <= 'Z' ? *s + 'a' - 'A' : *s);
    printf(") | ");
    print_versions(op->def);
    printf(" | ");
    print_types(op_types(op->def));
    printf(" | %s | ", op_gradient(op->def));
    for (int k = 0; k < op->n_kernels[0]; k++)
        print_kernel_cell(op->kernels[0][k]);
    printf("reference |\n");
}

/* ---- operators of others ---- */

static const char others[] =
    "\n## Read as the operators above\n\n"
    "ONNX does not define these, but files have them: onnxruntime's `com.microsoft` "
    "and its "
    "blocked\nlayout, and experiments of ONNX's first years in the default domain. An "
    "attribute that is not\nsupported is an error that names it.\n\n";

static void print_others(void)
{
    const char *name;
    fputs(others, stdout);
    for (size_t i = 0; (name = igi_onnx_foreign(i)); i++)
        printf("%s`%s`", i ? ", " : "", name);
    printf("\n");
}

static const char top[] =
    "<!-- Generated by tools/gen_docs.c from the operators' own tables: do not edit. "
    "-->\n"
    "# Operators\n\n"
    "Names without a domain are ONNX's, in their newest meaning; older versions are "
    "upgraded\nwhen a model is read. Those of domain `ingot` are fused forms, helpers "
    "of gradients and\noptimiser steps. Every operator has a reference kernel for "
    "every "
    "type in its table. Kernels\nare tried in the order given; `ingot info MODEL` "
    "shows "
    "which one serves a node, and why.\n\n"
    "The first column of the table is the operator, then the opsets in which ONNX "
    "defined it anew, which\nare all read; the element types of its first type "
    "variable; and the kernels of device cpu,\nbest first, each with its types where "
    "these are fewer. Operators without opsets are Ingot's own.\n\n"
    "Floats are float32, float64, float16 and bfloat16; numbers are floats and "
    "integers "
    "of 8\nto 64 bits. A gradient that is \"none\" is zero (nothing flows); one that "
    "is "
    "\"forbidden\" is\nan error when asked for.\n\n"
    "| operator | opsets | types | gradient | kernels on cpu |\n"
    "|---|---|---|---|---|\n";

int main(void)
{
    const ig_registry *r = ig_registry_builtin();
    if (!r) {
        fprintf(stderr, "%s\n", ig_error_message());
        return 1;
    }
    fputs(top, stdout);
    for (int i = 0; i < igi_registry_count(r); i++)
        print_row(igi_registry_at(r, i));
    print_others();
    for (int i = 0; i < igi_registry_count(r); i++)
        print_op(igi_registry_at(r, i));
    return fflush(stdout) != 0;
}
