/* ingot ops: which operators there are, for which types, with which kernels. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "importers/onnx/versions.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/op_facts.h"

static const cli_option options[] = {
    {"doc", 0, NULL, "Print documentation, ports and attributes too."},
    {"plugin", 0, "FILE", "With the operators of a plugin; may be repeated."},
    {0},
};

/* "1, 6, 13" */
static void version_list(const ig_op_def *op, char *buf, size_t size)
{
    int v[OP_VERSIONS_MAX], n = op_versions(op, v);
    size_t at = 0;
    buf[0] = 0;
    for (int i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(buf + at, size - at, "%s%d", i ? ", " : "", v[i]);
}

static bool wanted(const cli_args *a, const igi_op *op)
{
    char name[160];
    for (size_t i = 0; i < a->v.n; i++)
        if (strcmp(a->v.p[i], op->def->name) == 0 ||
            strcmp(a->v.p[i], igi_op_full_name(op->def, name, sizeof(name))) == 0)
            return true;
    return a->v.n == 0;
}

/* ---- text ---- */

static const char *flag_words(uint32_t flags)
{
    return flags & IG_VARIADIC   ? ", any number"
           : flags & IG_OPTIONAL ? ", optional"
                                 : "";
}

static void print_ports(const ig_port *p, const char *title)
{
    for (; p && p->name; p++)
        printf("    %s %s (%c%s): %s\n", title, p->name, p->tv, flag_words(p->flags),
               p->doc ? p->doc : "");
}

static void print_doc(const ig_op_def *op)
{
    printf("    %s\n", op->doc ? op->doc : "");
    print_ports(op->inputs, "input");
    print_ports(op->outputs, "output");
    for (const ig_attr_def *a = op->attrs; a && a->name; a++)
        printf("    attribute %s: %s\n", a->name, a->doc ? a->doc : "");
}

static void print_text(const igi_op *op, bool doc)
{
    char name[160], types[OP_TYPES_SIZE], kernels[200] = "", versions[64];
    size_t at = 0;
    version_list(op->def, versions, sizeof(versions));
    for (int k = 0; k < op->n_kernels[0] && at < sizeof(kernels); k++)
        at += (size_t)snprintf(kernels + at, sizeof(kernels) - at, "%s, ",
                               op->kernels[0][k]->name);
    printf("%-32s %-32s %-9s  %-40s %sreference\n",
           igi_op_full_name(op->def, name, sizeof(name)), versions,
           op_gradient(op->def), op_type_list(op_types(op->def), types, sizeof(types)),
           kernels);
    if (doc)
        print_doc(op->def);
}

/* `name`, of an operator that becomes others, with or without its domain. */
static bool names_foreign(const char *word, const char *name)
{
    const char *end = strstr(name, "::");
    return strcmp(word, name) == 0 || (end && strcmp(word, end + 2) == 0);
}

static bool foreign_wanted(const cli_args *a, const char *name)
{
    for (size_t i = 0; i < a->v.n; i++)
        if (names_foreign(a->v.p[i], name))
            return true;
    return a->v.n == 0;
}

static void print_foreign(const cli_args *a)
{
    const char *name;
    for (size_t i = 0; (name = igi_onnx_foreign(i)); i++)
        if (foreign_wanted(a, name))
            printf("%-32s read as operators above\n", name);
}

/* ---- JSON ---- */

static void types_json(json_out *j, const char *key, uint64_t mask)
{
    json_key(j, key);
    json_begin(j, '[');
    for (int d = 1; d < IG_DTYPE_COUNT; d++)
        if (mask >> d & 1)
            json_string(j, NULL, ig_dtype_name((ig_dtype)d));
    json_end(j, ']');
}

static void versions_json(json_out *j, const ig_op_def *op)
{
    int v[OP_VERSIONS_MAX], n = op_versions(op, v);
    json_key(j, "opsets");
    json_begin(j, '[');
    for (int i = 0; i < n; i++)
        json_int(j, NULL, v[i]);
    json_end(j, ']');
}

static void foreign_json(json_out *j, const cli_args *a)
{
    const char *name;
    json_key(j, "read_as_others");
    json_begin(j, '[');
    for (size_t i = 0; (name = igi_onnx_foreign(i)); i++)
        if (foreign_wanted(a, name))
            json_string(j, NULL, name);
    json_end(j, ']');
}

static void print_json(json_out *j, const igi_op *op)
{
    json_begin(j, '{');
    json_string(j, "domain", op->def->domain ? op->def->domain : "");
    json_string(j, "name", op->def->name);
    json_int(j, "since", op->def->since);
    versions_json(j, op->def);
    json_string(j, "gradient", op_gradient(op->def));
    types_json(j, "types", op_types(op->def));
    json_key(j, "kernels");
    json_begin(j, '[');
    for (int k = 0; k < op->n_kernels[0]; k++) {
        json_begin(j, '{');
        json_string(j, "device", "cpu");
        json_string(j, "name", op->kernels[0][k]->name);
        types_json(j, "types", op->kernels[0][k]->types);
        json_end(j, '}');
    }
    json_end(j, ']');
    json_string(j, "doc", op->def->doc);
    json_end(j, '}');
}

/* ---- the command ---- */

static const char *op_name(int i, const void *user)
{
    const igi_op *op = i < igi_registry_count(user) ? igi_registry_at(user, i) : NULL;
    return op ? op->def->name : NULL;
}

static bool is_foreign(const char *word)
{
    const char *name;
    for (size_t i = 0; (name = igi_onnx_foreign(i)); i++)
        if (names_foreign(word, name))
            return true;
    return false;
}

static exit_code check_names(const ig_registry *r, const cli_args *a)
{
    for (size_t i = 0; i < a->v.n; i++) {
        if (igi_registry_find_full(r, a->v.p[i]))
            continue;
        bool known = is_foreign(a->v.p[i]);
        for (int k = 0; k < igi_registry_count(r); k++)
            known |= strcmp(igi_registry_at(r, k)->def->name, a->v.p[i]) == 0;
        const char *near = known ? NULL : cli_nearest(a->v.p[i], op_name, r);
        if (!known)
            return say_usage("ops", "there is no operator '%s'%s%s%s", a->v.p[i],
                             near ? "; did you mean " : "", near ? near : "",
                             near ? "?" : "");
    }
    return EXIT_OK;
}

static exit_code list_ops(const ig_registry *r, const cli_args *a)
{
    json_out j = {0};
    exit_code code = check_names(r, a);
    if (code != EXIT_OK)
        return code;
    json_begin(&j, '{');
    json_int(&j, "schema", 1);
    json_key(&j, "operators");
    json_begin(&j, '[');
    if (!cli_json(a))
        printf("%-32s %-32s %-9s  %-40s %s\n", "operator", "opsets", "gradient",
               "types", "kernels on cpu");
    for (int i = 0; i < igi_registry_count(r); i++) {
        const igi_op *op = igi_registry_at(r, i);
        if (!wanted(a, op))
            continue;
        if (cli_json(a))
            print_json(&j, op);
        else
            print_text(op, cli_flag(a, "doc"));
    }
    json_end(&j, ']');
    foreign_json(&j, a);
    json_end(&j, '}');
    if (cli_json(a))
        json_print(&j);
    else
        print_foreign(a);
    igi_text_fini(&j.text);
    return EXIT_OK;
}

static exit_code ops_main(const cli_args *a)
{
    ig_registry *mine = NULL;
    exit_code code = cli_plugins(&mine, a);
    if (code != EXIT_OK)
        return code;
    const ig_registry *r = mine ? mine : ig_registry_builtin();
    code = r ? list_ops(r, a) : say_failure(NULL);
    ig_registry_free(mine);
    return code;
}

const cli_command cmd_ops = {
    .name = "ops",
    .usage = "[OPERATOR...]",
    .summary = "list the operators, their types, gradients and kernels",
    .examples = "ingot ops\n"
                "ingot ops Conv ingot::Conv --doc\n"
                "ingot ops --json",
    .text =
        "Opsets are those in which ONNX defined the operator anew: all are read, "
        "older ones are upgraded to the newest. Types are those of the first type "
        "variable. At the end stand operators that ONNX does not define and that are "
        "said in others when a file has them.",
    .options = options,
    .groups = CLI_JSON,
    .min = 0,
    .max = -1,
    .run = ops_main,
};
