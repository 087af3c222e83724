/* ingot ops: which operators there are, for which types, with which kernels. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/ir/registry.h"
#include "tools/commands.h"
#include "tools/json.h"

static const cli_option options[] = {
    {"doc", 0, NULL, "Print documentation, ports and attributes too."},
    {"plugin", 0, "FILE", "With the operators of a plugin; may be repeated."},
    {0},
};

static const char *gradient_of(const ig_op_def *op)
{
    if (op->gradient == ig_gradient_none)
        return "none";
    if (op->gradient == ig_gradient_forbidden)
        return "forbidden";
    if (op->gradient == ig_gradient_todo)
        return "missing";
    return "yes";
}

static uint64_t types_of(const igi_op *op)
{
    const ig_type_rule *r = op->def->types;
    return r && r->tv ? r->types : 0;
}

/* "float32 float64" of a mask, or how many there are when the list is long. */
static void type_list(uint64_t mask, char *buf, size_t size)
{
    size_t at = 0;
    int n = __builtin_popcountll(mask);
    buf[0] = 0;
    if (n > 6) {
        (void)snprintf(buf, size, "%d types", n);
        return;
    }
    for (int d = 1; d < IG_DTYPE_COUNT && at < size; d++)
        if (mask >> d & 1)
            at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? " " : "",
                                   ig_dtype_name((ig_dtype)d));
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
    char name[160], types[120], kernels[200] = "";
    size_t at = 0;
    type_list(types_of(op), types, sizeof(types));
    for (int k = 0; k < op->n_kernels[0] && at < sizeof(kernels); k++)
        at += (size_t)snprintf(kernels + at, sizeof(kernels) - at, "%s, ",
                               op->kernels[0][k]->name);
    printf("%-32s %5u  %-9s  %-28s %sreference\n",
           igi_op_full_name(op->def, name, sizeof(name)), op->def->since,
           gradient_of(op->def), types, kernels);
    if (doc)
        print_doc(op->def);
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

static void print_json(json_out *j, const igi_op *op)
{
    json_begin(j, '{');
    json_string(j, "domain", op->def->domain ? op->def->domain : "");
    json_string(j, "name", op->def->name);
    json_int(j, "since", op->def->since);
    json_string(j, "gradient", gradient_of(op->def));
    types_json(j, "types", types_of(op));
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

static exit_code check_names(const ig_registry *r, const cli_args *a)
{
    for (size_t i = 0; i < a->v.n; i++) {
        if (igi_registry_find_full(r, a->v.p[i]))
            continue;
        bool known = false;
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
        printf("%-32s %5s  %-9s  %-28s %s\n", "operator", "opset", "gradient", "types",
               "kernels on cpu");
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
    json_end(&j, '}');
    if (cli_json(a))
        json_print(&j);
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
    .text = "The opset is the one in which the operator got its present meaning; "
            "models of older "
            "opsets are upgraded when they are read. Types are those of the first type "
            "variable.",
    .options = options,
    .groups = CLI_JSON,
    .min = 0,
    .max = -1,
    .run = ops_main,
};
