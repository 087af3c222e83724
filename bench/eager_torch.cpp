// Eager calls beside libtorch's, on tensors of 8 floats: the two take turns in one process, and the
// ratios of the medians and of the minima (Ingot / libtorch, time per node) are printed as rows
// of Markdown. A development tool, for where libtorch is installed (Debian: libtorch-dev):
//
//     g++ -O2 -std=c++17 bench/eager_torch.cpp -Iinclude -I/usr/include/torch/csrc/api/include
//         -Lbuild -lingot -ltorch -ltorch_cpu -lc10 -Wl,-rpath,build -o eager_torch
#include <torch/torch.h>

#include <ingot/ingot.h>
#include <ingot/train.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

namespace {

constexpr int nodes = 100, rounds = 200, turns = 25;

double time_of(const std::function<void()> &work)
{
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; i++)
        work();
    std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    return took.count() / rounds / nodes;
}

void row(const char *what, const std::function<void()> &ours, const std::function<void()> &theirs)
{
    std::vector<double> a, b;
    time_of(ours), time_of(theirs);
    for (int i = 0; i < turns; i++) {
        a.push_back(time_of(ours));
        b.push_back(time_of(theirs));
    }
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    std::printf("| %s | %.3f | %.3f |\n", what, a[turns / 2] / b[turns / 2], a[0] / b[0]);
}

struct ingot_side {
    ig_ctx *c = nullptr;
    ig_tensor *a, *p, *dy;

    ingot_side()
    {
        const float data[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        const int64_t dims[1] = {8};
        ig_ctx_opts o{};
        o.threads = 1;
        if (ig_ctx_new(&c, &o) || ig_tensor_new_copy(&a, IG_FLOAT32, 1, dims, data, sizeof(data)) ||
            ig_tensor_new_copy(&p, IG_FLOAT32, 1, dims, data, sizeof(data)) ||
            ig_tensor_new_copy(&dy, IG_FLOAT32, 1, dims, data, sizeof(data)))
            std::fprintf(stderr, "%s\n", ig_error_message());
    }

    void chain(bool product, bool backward)
    {
        ig_scope s = ig_scope_enter(c);
        ig_tensor *y = p;
        for (int n = 0; n < nodes; n++)
            y = product ? ig_mul(c, y, a) : ig_add(c, y, a);
        if (backward) {
            ig_backward_opts o{};
            o.dy = dy;
            (void)ig_backward_ex(c, y, &o);
        }
        ig_scope_leave(&s);
        if (backward)
            ig_tensor_clear_grad(p);
    }
};

struct torch_side {
    torch::Tensor a = torch::ones(8), p = torch::ones(8), dy = torch::ones(8);

    void chain(bool product, bool backward)
    {
        torch::Tensor y = p;
        for (int n = 0; n < nodes; n++)
            y = product ? y * a : y + a;
        if (backward) {
            y.backward(dy);
            p.mutable_grad().reset();
        }
    }
};

} // namespace

int main()
{
    torch::set_num_threads(1);
    ingot_side i;
    torch_side t;
    std::printf("| 100 calls on 8 floats | median | minimum |\n|---|---|---|\n");
    row("add", [&] { i.chain(false, false); }, [&] { t.chain(false, false); });
    (void)ig_requires_grad(i.c, i.p, true);
    t.p.requires_grad_(true);
    row("add, recorded and dropped", [&] { i.chain(false, false); }, [&] { t.chain(false, false); });
    row("product and its backward", [&] { i.chain(true, true); }, [&] { t.chain(true, true); });
    if (ig_ctx_status(i.c) != IG_OK) {
        std::fprintf(stderr, "%s\n", ig_ctx_message(i.c));
        return 1;
    }
    ig_tensor_unref(i.a), ig_tensor_unref(i.p), ig_tensor_unref(i.dy);
    ig_ctx_free(i.c);
}
