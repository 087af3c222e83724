/* Optimisers against plain arithmetic, clipping, and what was not made. */
#include <stdio.h>
#include <stdlib.h>

#include "frontend_c/ctx.h"
#include "graph/core/alloc.h"
#include "tests/frontend_c/module_support.h"

#define N 3
typedef struct plain {
    double w[N], m[N], v[N];
} plain;

static const double start[N] = {1.5, -2, 0.5}, goal[N] = {0.25, 1, -1};

static ig_tensor *parameter(void)
{
    return ig_module_param(m, "w", vec(N, start));
}

/* Gradient of 0.5 * sum (w - goal)^4, by the tape and by hand. */
static void slope(const double *w, double *g)
{
    for (int i = 0; i < N; i++)
        g[i] = 2 * (w[i] - goal[i]) * (w[i] - goal[i]) * (w[i] - goal[i]);
}

static void step_by_tape(ig_tensor *w)
{
    IG_SCOPE(c) {
        ig_tensor *d = ig_sub(c, w, vec(N, goal)), *q = ig_mul(c, d, d);
        (void)ig_backward(c, ig_mul_scalar(c, sum(ig_mul(c, q, q)), 0.5));
        (void)ig_optim_step(o);
    }
    FINE();
    assert_null(ig_tensor_grad(w));
}

static void compare(ig_tensor *w, const plain *p)
{
    check_values(w, N, p->w, IG_HERE);
}

static void sgd_steps_as_written_down(void **state)
{
    (void)state;
    ig_tensor *w = parameter();
    plain p = {.w = {1.5, -2, 0.5}};
    o = ig_sgd_new(ig_module_params(m),
                   &(ig_sgd_opts){.lr = 0.01, .weight_decay = 0.1});
    for (int k = 0; k < 5; k++) {
        double g[N];
        slope(p.w, g);
        for (int i = 0; i < N; i++)
            p.w[i] -= 0.01 * (g[i] + 0.1 * p.w[i]);
        step_by_tape(w);
        compare(w, &p);
    }
}

static void momentum_and_nesterov_step_as_written_down(void **state)
{
    (void)state;
    ig_tensor *w = parameter();
    for (int nesterov = 0; nesterov < 2; nesterov++) {
        plain p = {.w = {1.5, -2, 0.5}};
        IG_NO_GRAD(c)
            ig_copy_(c, w, vec(N, start));
        ig_optim_free(o);
        o = ig_sgd_new(
            ig_module_params(m),
            &(ig_sgd_opts){.lr = 0.01, .momentum = 0.9, .nesterov = nesterov});
        for (int k = 0; k < 5; k++) {
            double g[N];
            slope(p.w, g);
            for (int i = 0; i < N; i++) {
                p.v[i] = 0.9 * p.v[i] + g[i];
                p.w[i] -= 0.01 * (nesterov ? g[i] + 0.9 * p.v[i] : p.v[i]);
            }
            step_by_tape(w);
            compare(w, &p);
        }
    }
}

static void adam_and_adamw_step_as_written_down(void **state)
{
    (void)state;
    ig_tensor *w = parameter();
    for (int decoupled = 0; decoupled < 2; decoupled++) {
        plain p = {.w = {1.5, -2, 0.5}};
        IG_NO_GRAD(c)
            ig_copy_(c, w, vec(N, start));
        ig_optim_free(o);
        o = ig_adam_new(
            ig_module_params(m),
            &(ig_adam_opts){.lr = 0.02, .weight_decay = 0.1, .decoupled = decoupled});
        for (int k = 1; k <= 5; k++) {
            double g[N];
            slope(p.w, g);
            for (int i = 0; i < N; i++) {
                if (decoupled)
                    p.w[i] *= 1 - 0.02 * 0.1;
                else
                    g[i] += 0.1 * p.w[i];
                p.m[i] = 0.9 * p.m[i] + 0.1 * g[i];
                p.v[i] = 0.999 * p.v[i] + 0.001 * g[i] * g[i];
                double mean = p.m[i] / (1 - pow(0.9, k)),
                       var = p.v[i] / (1 - pow(0.999, k));
                p.w[i] -= 0.02 * mean / (sqrt(var) + 1e-8);
            }
            step_by_tape(w);
            compare(w, &p);
        }
    }
}

static void parameters_without_a_gradient_stay(void **state)
{
    (void)state;
    ig_tensor *w = parameter(), *idle = ig_module_param(m, "idle", vec(1, D(3)));
    o = ig_sgd_new(ig_module_params(m), &(ig_sgd_opts){.lr = 1, .weight_decay = 1});
    step_by_tape(w);
    VALUES(idle, 1, 3);
}

/* A program writes its calls behind each other and asks once. */
static void what_was_not_made_is_taken_everywhere(void **state)
{
    (void)state;
    char *text = NULL;
    ig_tensor *x = NULL, *y = NULL;
    (void)ig_ctx_fail(c, "here", IG_IO, "the first error");
    ig_module *none = ig_module_new(c, "none");
    assert_null(ig_nn_linear_new(none, "fc", 2, 3, NULL));
    assert_null(ig_module_ctx(none));
    assert_int_equal(ig_module_params(none).n + ig_module_state(none).n, 0);
    ig_module_clear_grads(none);
    ig_optim *sgd = ig_sgd_new(ig_module_params(none), NULL);
    ig_optim_set_lr(sgd, 1);
    assert_int_equal(ig_optim_step(sgd), IG_INVALID_ARGUMENT);
    assert_null(ig_clip_grads(ig_module_params(none), 1));
    assert_true(isnan(ig_clip_grad_norm(ig_module_params(none), 1)));
    ig_loader *rows = ig_loader_new(c, NULL, NULL, NULL);
    assert_false(ig_loader_next(rows, &x, &y));
    assert_int_equal(ig_loader_epoch(rows), 0);
    assert_int_equal(ig_tensor_format(NULL, &text), IG_INVALID_ARGUMENT);
    ig_loader_free(rows);
    ig_optim_free(sgd);
    ig_module_free(none);
    assert_string_equal(ig_ctx_message(c), "here: the first error");
    ig_ctx_clear(c);
    assert_null(ig_module_param(m, "w", NULL));
    assert_int_equal(ig_ctx_status(c), IG_INVALID_ARGUMENT);
    ig_ctx_clear(c);
    assert_int_equal(ig_grad(c, &x, 1, &y, 1, NULL, NULL), IG_INVALID_ARGUMENT);
    ig_ctx_clear(c);
}

/* The first step of Adam is lr along the sign, whenever it comes. */
static void a_parameter_that_joins_late_starts_at_its_own_first_step(void **state)
{
    (void)state;
    ig_tensor *w = ig_module_param(m, "w", vec(1, D(1)));
    ig_tensor *late = ig_module_param(m, "late", vec(1, D(1)));
    o = ig_adam_new(ig_module_params(m), &(ig_adam_opts){.lr = 0.125});
    for (int k = 0; k < 4; k++) {
        (void)ig_backward(c, sum(k < 3 ? w : ig_add(c, w, late)));
        assert_int_equal(ig_optim_step(o), IG_OK);
    }
    assert_float_equal(ig_item(c, ig_detach(c, late)), 0.875, 1e-7);
    assert_float_equal(ig_item(c, ig_detach(c, w)), 0.5, 1e-7);
}

static void set_lr_counts_from_the_next_step(void **state)
{
    (void)state;
    ig_tensor *w = ig_module_param(m, "w", vec(1, D(1)));
    o = ig_sgd_new(ig_module_params(m), &(ig_sgd_opts){.lr = 0.5});
    for (int i = 0; i < 2; i++) {
        (void)ig_backward(c, sum(w));
        assert_int_equal(ig_optim_step(o), IG_OK);
        ig_optim_set_lr(o, 0.125);
    }
    VALUES(w, 1, 0.375);
}

static void clipping_scales_all_gradients_to_one_norm(void **state)
{
    (void)state;
    ig_tensor *a = ig_module_param(m, "a", vec(2, D(1, 1))),
              *b = ig_module_param(m, "b", vec(1, D(1)));
    (void)ig_backward(
        c, ig_add(c, sum(ig_mul(c, a, vec(2, D(2, 3)))), sum(ig_mul_scalar(c, b, 6))));
    assert_true(fabs(ig_clip_grad_norm(ig_module_params(m), 3.5) - 7) < 1e-12);
    FINE();
    GRADIENT(a, 2, 1, 1.5);
    GRADIENT(b, 1, 3);
    assert_true(fabs(ig_clip_grad_norm(ig_module_params(m), 100) - 3.5) < 1e-12);
    GRADIENT(b, 1, 3);
}

/* One operator takes 256 inputs at most. */
static void clipping_takes_any_number_of_gradients(void **state)
{
    (void)state;
    enum { MANY = 600 };
    ig_tensor *p[MANY], *y = ig_scalar(c, IG_FLOAT64, 0);
    for (int i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        p[i] = ig_module_param(m, name, vec(1, D(1)));
        y = ig_add(c, y, sum(ig_mul_scalar(c, p[i], i % 2 ? 3 : 4)));
    }
    ig_backward(c, y);
    double norm = sqrt(300 * 9 + 300 * 16);
    assert_true(fabs(ig_clip_grad_norm(ig_module_params(m), norm / 2) - norm) < 1e-9);
    FINE();
    GRADIENT(p[0], 1, 2);
    GRADIENT(p[MANY - 1], 1, 1.5);
}

IG_TESTS(MODULE_TEST(sgd_steps_as_written_down),
         MODULE_TEST(momentum_and_nesterov_step_as_written_down),
         MODULE_TEST(adam_and_adamw_step_as_written_down),
         MODULE_TEST(parameters_without_a_gradient_stay),
         MODULE_TEST(what_was_not_made_is_taken_everywhere),
         MODULE_TEST(a_parameter_that_joins_late_starts_at_its_own_first_step),
         MODULE_TEST(set_lr_counts_from_the_next_step),
         MODULE_TEST(clipping_scales_all_gradients_to_one_norm),
         MODULE_TEST(clipping_takes_any_number_of_gradients))
