/* Registry: two look-ups over one set of records.
 *
 * Records are allocated one by one, so their addresses never move; a sorted array of
 * pointers serves names (binary search, only used when graphs are built), a small
 * open-addressing table serves descriptors' addresses (used by every eager call). A
 * descriptor is checked when it is added: a bad row is the author's mistake and is
 * named at once. */
#include "graph/ir/registry_build.h"

#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"

typedef igi_op_slot slot;

/* ORDER: std */
static const char *const std_names[IGI_STD_COUNT] = {"ingot::SumTo",
                                                     "ReduceSum",
                                                     "Expand",
                                                     "Add",
                                                     "Shape",
                                                     "Identity",
                                                     "ingot::ViewRead",
                                                     "ingot::ViewWrite",
                                                     "ingot::SequenceAdd",
                                                     "ingot::SequenceAtGrad"};

static const char *domain_of(const char *domain)
{
    return !domain || !strcmp(domain, "ai.onnx") ? "" : domain;
}

static int compare(const igi_op *op, const char *domain, const char *name)
{
    int c = strcmp(domain_of(op->def->domain), domain);
    return c ? c : strcmp(op->def->name, name);
}

/* Index of the first record that is not before (domain, name). */
static size_t position(const ig_registry *r, const char *domain, const char *name)
{
    size_t lo = 0, hi = r->ops.n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare(r->ops.p[mid], domain, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

ig_status igi_registry_new(ig_registry **out)
{
    *out = igi_calloc(1, sizeof(**out));
    if (!*out)
        return IG_OUT_OF_MEMORY;
    (*out)->refs = 1;
    return IG_OK;
}

const ig_registry *igi_registry_ref(const ig_registry *r)
{
    if (r)
        __atomic_add_fetch(&((ig_registry *)(uintptr_t)r)->refs, 1, __ATOMIC_RELAXED);
    return r;
}

static void op_free(igi_op *op)
{
    igi_free(op->own);
    igi_free(op);
}

void igi_registry_free(const ig_registry *held)
{
    ig_registry *r = (ig_registry *)(uintptr_t)held;
    if (!r || __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < r->ops.n; i++)
        op_free(r->ops.p[i]);
    for (size_t i = 0; i < r->plugins.n; i++)
        igi_free(r->plugins.p[i]);
    for (size_t i = 0; i < r->tables.n; i++)
        igi_free(r->tables.p[i]);
    for (size_t i = 0; i < r->frontends.n; i++)
        igi_free(r->frontends.p[i]);
    for (int d = 1; d < IGI_DEVICES; d++)
        igi_free(r->devices[d]);
    IGI_VEC_FREE(&r->ops);
    IGI_VEC_FREE(&r->plugins);
    IGI_VEC_FREE(&r->tables);
    IGI_VEC_FREE(&r->frontends);
    igi_free(r->table.slots);
    igi_free(r);
}

static void slot_put_one(slot *slots, size_t cap, const ig_op_def *def, igi_op *op)
{
    size_t i = igi_op_hash(def) & (cap - 1);
    while (slots[i].def)
        i = (i + 1) & (cap - 1);
    slots[i] = (slot){def, op};
}

/* An adopted operator is found by its author's descriptor and by our copy of it. */
static void slot_put(slot *slots, size_t cap, igi_op *op)
{
    slot_put_one(slots, cap, op->def, op);
    if (op->given != op->def)
        slot_put_one(slots, cap, op->given, op);
}

static ig_status grow_slots(ig_registry *r)
{
    if (r->table.cap >= 4 * (r->ops.n + 1)) /* two slots each, half full */
        return IG_OK;
    size_t cap = r->table.cap ? 2 * r->table.cap : 256;
    slot *slots = igi_calloc(cap, sizeof(*slots));
    if (!slots)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < r->ops.n; i++)
        slot_put(slots, cap, r->ops.p[i]);
    igi_free(r->table.slots);
    r->table.slots = slots;
    r->table.cap = cap;
    return IG_OK;
}

/* ---- checking a descriptor ---- */

static ig_status bad(const ig_op_def *d, const char *what, const char *which)
{
    return ig_fail(IG_INVALID_ARGUMENT, "operator %s: %s%s%s", d->name, what,
                   which ? " " : "", which ? which : "");
}

static int rule_index(const ig_op_def *d, char tv)
{
    for (int i = 0; d->types && d->types[i].tv; i++)
        if (d->types[i].tv == tv)
            return i;
    return -1;
}

#define DIFFERENTIABLE (IG_FLOATS | IG_COMPLEXES)

static ig_status scan_ports(igi_op *op, const ig_port *ports, bool in)
{
    const ig_op_def *d = op->def;
    uint16_t n = 0, min = 0;
    bool variadic = false;
    for (; ports && ports[n].name; n++) {
        const ig_port *p = &ports[n];
        int rule = rule_index(d, p->tv);
        for (int k = 0; k < n; k++)
            if (!strcmp(ports[k].name, p->name))
                return bad(d, "has two ports of one kind named", p->name);
        if (n >= 32 || variadic)
            return bad(d, "has a port after the variadic one, or over 32:", p->name);
        if (rule < 0 || rule >= 16 || !d->types[rule].types)
            return bad(d, "has no type rule for port", p->name);
        if (!p->doc || !*p->doc)
            return bad(d, "has no doc for port", p->name);
        *(in ? &op->in_var[n] : &op->out_var[n]) = (int8_t)rule;
        op->var_types[rule] = d->types[rule].types;
        variadic = p->flags & IG_VARIADIC;
        op->holds = op->holds || p->flags & (IG_SEQ | IG_MAP | IG_ANY_KIND);
        if (!(p->flags & IG_OPTIONAL))
            min = (uint16_t)(n + 1);
        /* integers, truth values and strings have no gradients: nobody need say so */
        bool nodiff = p->flags & IG_NODIFF || !(d->types[rule].types & DIFFERENTIABLE);
        if (!in) {
            op->nodiff_out |= nodiff ? IG_BIT(n) : 0;
            op->must_out |= p->flags & (IG_OPTIONAL | IG_VARIADIC) ? 0 : IG_BIT(n);
            continue;
        }
        op->value_ports |= p->flags & IG_VALUE ? IG_BIT(n) : 0;
        op->nodiff_ports |=
            nodiff || p->flags & (IG_VALUE | IG_TYPE_ONLY) ? IG_BIT(n) : 0;
        op->type_only_ports |= p->flags & IG_TYPE_ONLY ? IG_BIT(n) : 0;
    }
    *(in ? &op->n_in : &op->n_out) = n;
    *(in ? &op->min_in : &op->min_out) = min;
    *(in ? &op->variadic_in : &op->variadic_out) = variadic;
    return IG_OK;
}

static ig_status scan_attrs(const ig_op_def *d)
{
    static const uint16_t sizes[] = {[IG_A_INT] = 8,
                                     [IG_A_FLOAT] = sizeof(float),
                                     [IG_A_STRING] = sizeof(char *),
                                     [IG_A_INTS] = sizeof(ig_ints),
                                     [IG_A_FLOATS] = sizeof(ig_floats),
                                     [IG_A_STRINGS] = sizeof(ig_strings),
                                     [IG_A_TENSOR] = sizeof(void *),
                                     [IG_A_GRAPH] = sizeof(void *),
                                     [IG_A_ENUM] = 8,
                                     [IG_A_DTYPE] = 8,
                                     [IG_A_TYPE] = sizeof(void *)};
    for (const ig_attr_def *a = d->attrs; a && a->name; a++) {
        for (const ig_attr_def *b = d->attrs; b < a; b++)
            if (!strcmp(a->name, b->name))
                return bad(d, "has two attributes named", a->name);
        if (a->kind == IG_A_END || a->kind > IG_A_TYPE)
            return bad(d, "has an unknown kind of attribute", a->name);
        if (a->offset < sizeof(uint32_t) || a->offset + sizes[a->kind] > d->attrs_size)
            return bad(d, "has an attribute outside attrs_size:", a->name);
        if (a->offset % (a->kind == IG_A_FLOAT ? sizeof(float) : sizeof(int64_t)))
            return bad(d, "has a misaligned attribute", a->name);
        if (a->kind == IG_A_ENUM && !a->names)
            return bad(d, "has no names for the enum attribute", a->name);
        if (!a->doc || !*a->doc)
            return bad(d, "has no doc for attribute", a->name);
    }
    return IG_OK;
}

static ig_status scan_saves(igi_op *op)
{
    for (const ig_save *s = op->def->saves; s && s->what; s++) {
        bool in = s->what == IG_SAVED_INPUT;
        if (s->port >= (in ? op->n_in : op->n_out))
            return bad(op->def, "saves a port that it does not have", NULL);
        *(in ? &op->save_in : &op->save_out) |= IG_BIT(s->port);
    }
    return IG_OK;
}

/* Outputs may take over inputs that exist; what is overwritten comes out again. */
static ig_status scan_alias(const igi_op *op)
{
    const ig_op_def *d = op->def;
    uint64_t all = 0;
    for (int i = 0; i < op->n_out; i++) {
        if ((uint64_t)d->outputs[i].alias >> op->n_in)
            return bad(
                d, "has an alias to an input it does not have:", d->outputs[i].name);
        all |= d->outputs[i].alias;
    }
    for (int i = 0; i < op->n_in; i++)
        if (d->inputs[i].flags & IG_MUTATED && !(all >> i & 1))
            return bad(d, "has no output that aliases the MUTATED input",
                       d->inputs[i].name);
    return IG_OK;
}

static bool is_plain(const igi_op *op)
{
    const ig_op_def *d = op->def;
    if (op->variadic_in || op->variadic_out || op->n_out != 1 || op->n_in > 3 ||
        op->n_in == 0 || d->view || op->value_ports ||
        d->flags & (IG_OP_RANDOM | IG_OP_SUBGRAPH | IG_OP_EFFECTS))
        return false;
    const uint32_t odd =
        IG_SEQ | IG_MAP | IG_ANY_KIND | IG_MUTATED | IG_DYNAMIC | IG_OPTIONAL;
    for (int i = 0; i < op->n_in; i++)
        if (d->inputs[i].flags & odd)
            return false;
    return !(d->outputs[0].flags & odd);
}

static bool obeys_law(const igi_op *op)
{
    for (int i = 0; i < op->n_in; i++)
        if (op->in_var[i] != op->out_var[0])
            return false;
    return op->def->flags & IG_OP_ELEMENTWISE && op->n_in > 0;
}

static ig_status compile(igi_op *op)
{
    const ig_op_def *d = op->def;
    if (!d->name || !*d->name)
        return ig_fail(IG_INVALID_ARGUMENT, "operator without a name");
    if (d->struct_size != sizeof(*d))
        return bad(d, "was built for another version of ig_op_def", NULL);
    if (!d->doc || !*d->doc || !d->infer || !d->reference || !d->gradient || !d->since)
        return bad(d, "lacks one of doc, since, infer, gradient, reference", NULL);
    if (d->attrs && d->attrs_size < sizeof(uint32_t))
        return bad(d, "has attributes but no attrs_size", NULL);
    IG_TRY(scan_ports(op, d->inputs, true));
    IG_TRY(scan_ports(op, d->outputs, false));
    IG_TRY(scan_attrs(d));
    IG_TRY(scan_saves(op));
    IG_TRY(scan_alias(op));
    op->records = d->gradient != ig_gradient_none && !(d->flags & IG_OP_KEEPS);
    op->plain = is_plain(op);
    op->law_types = op->plain && obeys_law(op) ? op->var_types[op->out_var[0]] : 0;
    return IG_OK;
}

ig_status igi_registry_add(ig_registry *r, const ig_op_def *def)
{
    igi_op *op = igi_calloc(1, sizeof(*op));
    if (!op)
        return IG_OUT_OF_MEMORY;
    op->def = op->given = def;
    return igi_registry_put(r, op);
}

ig_status igi_registry_put(ig_registry *r, igi_op *op)
{
    const ig_op_def *def = op->def;
    ig_status rc = grow_slots(r);
    if (rc == IG_OK && !IGI_RESERVE(&r->ops, r->ops.n + 1))
        rc = IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = compile(op);
    size_t at = rc == IG_OK ? position(r, domain_of(def->domain), def->name) : 0;
    if (rc == IG_OK && at < r->ops.n &&
        compare(r->ops.p[at], domain_of(def->domain), def->name) == 0)
        rc = bad(def, "is registered already", NULL);
    if (rc != IG_OK) {
        op_free(op);
        return rc;
    }
    memmove(&r->ops.p[at + 1], &r->ops.p[at], (r->ops.n - at) * sizeof(igi_op *));
    r->ops.p[at] = op;
    r->ops.n++;
    slot_put(r->table.slots, r->table.cap, op);
    char full[160];
    igi_op_full_name(def, full, sizeof(full));
    for (int i = 0; i < IGI_STD_COUNT; i++)
        if (!strcmp(full, std_names[i]))
            r->std[i] = def;
    return IG_OK;
}

void igi_registry_drop(ig_registry *r, igi_op *op)
{
    size_t at = 0;
    while (at < r->ops.n && r->ops.p[at] != op)
        at++;
    if (at == r->ops.n)
        return;
    r->ops.n--;
    memmove(&r->ops.p[at], &r->ops.p[at + 1], (r->ops.n - at) * sizeof(igi_op *));
    memset(r->table.slots, 0, r->table.cap * sizeof(slot));
    for (size_t i = 0; i < r->ops.n; i++)
        slot_put(r->table.slots, r->table.cap, r->ops.p[i]);
    op_free(op);
}

const ig_op_def *igi_registry_std(const ig_registry *r, igi_std which)
{
    return r->std[which];
}

static ig_status add_kernel(ig_registry *r, int device, const ig_kernel_def *k)
{
    const char *name = k->name ? k->name : "?";
    igi_op *op = (igi_op *)(uintptr_t)igi_registry_find_full(r, k->op);
    int runs = (k->run != NULL) + (k->run_team != NULL) + (k->run_own != NULL);
    if (!op)
        return ig_fail(IG_NOT_FOUND, "kernel %s: no operator %s", name, k->op);
    if (k->struct_size != sizeof(*k) || runs != 1 || !k->name)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "kernel %s of %s: needs IG_KERNEL_HEAD, a name and exactly one "
                       "of run, run_team, run_own",
                       name, k->op);
    if (op->n_kernels[device] == IGI_KERNELS_MAX)
        return ig_fail(IG_LIMIT, "operator %s has %d kernels already", k->op,
                       IGI_KERNELS_MAX);
    op->kernels[device][op->n_kernels[device]++] = k;
    if (device == 0 && k->needs & IG_KERNEL_VARIES)
        op->plain = false; /* facts of the straight road are the same for all users */
    return IG_OK;
}

bool igi_kernel_in(const ig_kernel_def *k, const ig_kernel_def *table)
{
    for (; table->op; table++)
        if (table == k)
            return true;
    return false;
}

void igi_registry_drop_kernels(ig_registry *r, int device, const ig_kernel_def *table)
{
    for (size_t i = 0; i < r->ops.n; i++) {
        igi_op *op = r->ops.p[i];
        int kept = 0;
        for (int n = 0; n < op->n_kernels[device]; n++) {
            const ig_kernel_def *k = op->kernels[device][n];
            if (!igi_kernel_in(k, table))
                op->kernels[device][kept++] = k;
        }
        op->n_kernels[device] = kept;
    }
}

/* All rows of a table or none: each is the last of its operator when it is taken back.
 */
ig_status
igi_registry_add_kernels(ig_registry *r, int device, const ig_kernel_def *table)
{
    if (device < 0 || device >= IGI_DEVICES)
        return ig_fail(IG_INVALID_ARGUMENT, "device %d does not exist", device);
    for (const ig_kernel_def *k = table; k->op; k++) {
        ig_status rc = add_kernel(r, device, k);
        if (rc == IG_OK)
            continue;
        while (k-- > table)
            ((igi_op *)(uintptr_t)igi_registry_find_full(r, k->op))
                ->n_kernels[device]--;
        return rc;
    }
    return IG_OK;
}

ig_status
igi_registry_prefer_kernels(ig_registry *r, int device, const ig_kernel_def *table)
{
    IG_TRY(igi_registry_add_kernels(r, device, table));
    for (size_t i = 0; i < r->ops.n; i++) {
        igi_op *op = r->ops.p[i];
        const ig_kernel_def **list = op->kernels[device];
        int n = op->n_kernels[device], ours = 0;
        for (int k = 0; k < n; k++)
            ours += igi_kernel_in(list[k], table);
        if (!ours)
            continue;
        const ig_kernel_def *moved[IGI_KERNELS_MAX];
        memcpy(moved, &list[n - ours], (size_t)ours * sizeof(*moved));
        memmove(&list[ours], list, (size_t)(n - ours) * sizeof(*list));
        memcpy(list, moved, (size_t)ours * sizeof(*list));
    }
    return IG_OK;
}

/* ---- look-ups ---- */

const igi_op *
igi_registry_find(const ig_registry *r, const char *domain, const char *name)
{
    domain = domain_of(domain);
    size_t at = position(r, domain, name);
    return at < r->ops.n && compare(r->ops.p[at], domain, name) == 0 ? r->ops.p[at]
                                                                     : NULL;
}

const igi_op *igi_registry_find_full(const ig_registry *r, const char *full)
{
    const char *colon = strstr(full, "::");
    if (!colon)
        return igi_registry_find(r, "", full);
    char domain[128];
    size_t n = (size_t)(colon - full);
    if (n >= sizeof(domain))
        return NULL;
    memcpy(domain, full, n);
    domain[n] = 0;
    return igi_registry_find(r, domain, colon + 2);
}

int igi_registry_count(const ig_registry *r)
{
    return (int)r->ops.n;
}

const igi_op *igi_registry_at(const ig_registry *r, int i)
{
    return i >= 0 && (size_t)i < r->ops.n ? r->ops.p[i] : NULL;
}

const char *igi_op_full_name(const ig_op_def *def, char *buf, size_t size)
{
    const char *domain = domain_of(def->domain);
    snprintf(buf, size, "%s%s%s", domain, *domain ? "::" : "", def->name);
    return buf;
}
