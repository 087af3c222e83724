/* Profiles: one span per step, and sums per operator and kernel. */
#include "graph/runtime/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/runtime/select.h"

typedef struct row { /* all steps of one operator on one kernel */
    const char *op, *kernel;
    int count;
    double seconds;
} row;

ig_status igi_profile_new(igi_profile **out, const igi_plan *p)
{
    igi_profile *f = *out = igi_calloc(1, sizeof(*f));
    if (f)
        f->step = igi_calloc((size_t)p->n_steps + 1, sizeof(*f->step));
    if (!f || !f->step) {
        igi_profile_free(f);
        *out = NULL;
        return IG_OUT_OF_MEMORY;
    }
    f->begin = igi_now_s();
    return IG_OK;
}

void igi_profile_free(igi_profile *f)
{
    if (f)
        igi_free(f->step);
    igi_free(f);
}

void igi_json_string(igi_text *out, const char *s)
{
    igi_text_add_bytes(out, "\"", 1);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            igi_text_add(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            igi_text_add(out, "\\u%04x", c);
        else
            igi_text_add_bytes(out, s, 1);
    }
    igi_text_add_bytes(out, "\"", 1);
}

static const char *op_of(const igi_plan *p, const igi_step *s)
{
    return s->node.i ? igi_node_at(p->net->graph, s->node)->op->def->name : "copy";
}

static const char *kernel_of(const igi_plan *p, const igi_step *s)
{
    if (s->mode == IGI_LATE || s->node.i)
        return s->mode == IGI_LATE ? "late" : igi_kernel_name(s->kernel);
    int from = igi_plan_space_of(p, s->in[0]), to = igi_plan_space_of(p, s->out[0]);
    return from == to ? "copy" : to == IGI_THERE ? "to the device" : "to the host";
}

static void add_shapes(igi_text *out, const igi_plan *p, const igi_step *s)
{
    char text[256];
    for (int i = 0; i < s->k.n_in; i++) {
        igi_text_add(out, "%s", i ? ", " : "");
        igi_text_add(out, "%s",
                     s->in[i] ? igi_type_print(&p->value[s->in[i]].type, NULL, text,
                                               sizeof(text))
                              : "-");
    }
}

static void
add_event(igi_text *out, const igi_profile *f, const igi_plan *p, uint32_t i)
{
    const igi_step *s = &p->step[i];
    const igi_span_time *t = &f->step[i];
    const igi_node *n = s->node.i ? igi_node_at(p->net->graph, s->node) : NULL;
    igi_text_add(out, "{\"ph\": \"X\", \"pid\": 1, \"tid\": %d, \"name\": ", t->tid);
    igi_json_string(out, n ? n->name : "copy");
    igi_text_add(
        out, ", \"cat\": \"%s\", \"ts\": %.3f, \"dur\": %.3f, \"args\": {\"kernel\": ",
        op_of(p, s), (t->begin - f->begin) * 1e6, (t->end - t->begin) * 1e6);
    igi_json_string(out, kernel_of(p, s));
    if (n && n->origin) {
        igi_text_add(out, ", \"origin\": ");
        igi_json_string(out, n->origin);
    }
    igi_text_add(out, ", \"inputs\": \"");
    add_shapes(out, p, s);
    igi_text_add(out, "\"}}");
}

static int slowest_first(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return x->seconds < y->seconds   ? 1
           : x->seconds > y->seconds ? -1
                                     : strcmp(x->op, y->op);
}

/* Sums per (operator, kernel); *n rows, freed by the caller. */
static row *summarise(const igi_profile *f, const igi_plan *p, size_t *n)
{
    row *rows = igi_calloc((size_t)p->n_steps + 1, sizeof(*rows));
    *n = 0;
    for (uint32_t i = 0; rows && i < p->n_steps; i++) {
        const igi_step *s = &p->step[i];
        size_t r = 0;
        while (r < *n && (strcmp(rows[r].op, op_of(p, s)) != 0 ||
                          strcmp(rows[r].kernel, kernel_of(p, s)) != 0))
            r++;
        if (r == *n)
            rows[(*n)++] = (row){op_of(p, s), kernel_of(p, s), 0, 0};
        rows[r].count++;
        rows[r].seconds += f->step[i].end - f->step[i].begin;
    }
    if (rows)
        qsort(rows, *n, sizeof(*rows), slowest_first);
    return rows;
}

ig_status igi_profile_json(const igi_profile *f, const igi_plan *p, igi_text *out)
{
    size_t n;
    row *rows = summarise(f, p, &n);
    if (!rows)
        return IG_OUT_OF_MEMORY;
    igi_text_add(out, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n");
    for (uint32_t i = 0, some = 0; i < p->n_steps; i++) {
        if (f->step[i].begin == 0)
            continue;
        igi_text_add(out, "%s", some++ ? ",\n" : "");
        add_event(out, f, p, i);
    }
    igi_text_add(out, "],\n\"summary\": [\n");
    for (size_t r = 0; r < n; r++) {
        igi_text_add(out, "%s{\"op\": \"%s\", \"kernel\": ", r ? ",\n" : "",
                     rows[r].op);
        igi_json_string(out, rows[r].kernel);
        igi_text_add(out, ", \"count\": %d, \"ms\": %.6f}", rows[r].count,
                     rows[r].seconds * 1e3);
    }
    igi_text_add(out, "]}\n");
    igi_free(rows);
    return out->failed ? IG_OUT_OF_MEMORY : IG_OK;
}

ig_status igi_profile_table(const igi_profile *f, const igi_plan *p, igi_text *out)
{
    size_t n;
    double total = 0;
    row *rows = summarise(f, p, &n);
    if (!rows)
        return IG_OUT_OF_MEMORY;
    for (size_t r = 0; r < n; r++)
        total += rows[r].seconds;
    for (size_t r = 0; r < n; r++)
        igi_text_add(out, "%5.1f %%  %10.3f ms  %5d x %s (%s)\n",
                     total > 0 ? 100 * rows[r].seconds / total : 0,
                     rows[r].seconds * 1e3, rows[r].count, rows[r].op, rows[r].kernel);
    igi_free(rows);
    return out->failed ? IG_OUT_OF_MEMORY : IG_OK;
}

static ig_status write_all(int fd, const char *s, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, s, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return ig_fail(IG_IO, "%s", strerror(errno));
        s += w;
        n -= (size_t)w;
    }
    return IG_OK;
}

ig_status igi_profile_write(const igi_profile *f, const igi_plan *p, const char *path)
{
    igi_text text = {0};
    ig_status rc = igi_profile_json(f, p, &text);
    int fd = -1;
    if (rc == IG_OK) {
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        rc = fd < 0 ? ig_fail(IG_IO, "%s", strerror(errno))
                    : write_all(fd, text.p, text.n);
    }
    if (fd >= 0 && close(fd) && rc == IG_OK)
        rc = ig_fail(IG_IO, "%s", strerror(errno));
    igi_text_fini(&text);
    return rc == IG_OK ? IG_OK
                       : ig_fail_context("the profile cannot be written to '%s'", path);
}
