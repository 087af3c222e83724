// The training step of bench/mlp_step.h beside libtorch's: libtorch eager, Ingot eager
// and Ingot's graph take turns in one process; times and the ratios of the medians and
// of the minima are printed. A development tool, for where libtorch is installed
// (Debian: libtorch-dev):
//
//     cc -O2 -std=c11 -c bench/mlp_step.c -I. -Iinclude -o mlp_step.o
//     g++ -O2 -std=c++17 bench/step_torch.cpp mlp_step.o -I.
//     -I/usr/include/torch/csrc/api/include
//         -Lbuild-release -lingot -ltorch -ltorch_cpu -lc10 -Wl,-rpath,build-release
//         -o step_torch
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "bench/mlp_step.h"

namespace
{

constexpr int steps = 50, turns = 40;

struct torch_side {
    torch::nn::Sequential net{torch::nn::Linear(MLP_IN, MLP_HIDDEN), torch::nn::ReLU(),
                              torch::nn::Linear(MLP_HIDDEN, MLP_HIDDEN),
                              torch::nn::ReLU(),
                              torch::nn::Linear(MLP_HIDDEN, MLP_OUT)};
    torch::optim::Adam adam{net->parameters(), torch::optim::AdamOptions(1e-3)};
    torch::Tensor x = torch::randn({MLP_BATCH, MLP_IN}),
                  y = torch::arange(MLP_BATCH) % MLP_OUT;

    void run(int n)
    {
        for (int i = 0; i < n; i++) {
            adam.zero_grad();
            torch::nn::functional::cross_entropy(net->forward(x), y).backward();
            torch::nn::utils::clip_grad_norm_(net->parameters(), 1.0);
            adam.step();
        }
    }
};

void row(const char *what, std::vector<double> &a, std::vector<double> &torch)
{
    std::sort(a.begin(), a.end());
    std::printf("| %s | %.1f | %.1f | %.1f |\n", what, a[turns / 2] / steps,
                torch[turns / 2] / a[turns / 2], torch[0] / a[0]);
}

} // namespace

int main()
{
    torch::set_num_threads(1);
    torch_side t;
    mlp_bench *b = mlp_bench_new();
    std::vector<double> times[3];
    if (!b)
        return 1;
    for (int i = -2; i < turns; i++) { // two turns to warm up
        double at[4] = {mlp_bench_now()};
        t.run(steps);
        at[1] = mlp_bench_now();
        if (mlp_bench_eager(b, steps))
            return 1;
        at[2] = mlp_bench_now();
        if (mlp_bench_graph(b, steps))
            return 1;
        at[3] = mlp_bench_now();
        for (int k = 0; k < 3 && i >= 0; k++)
            times[k].push_back(at[k + 1] - at[k]);
    }
    std::printf("| a step | median, us | libtorch / this, median | minimum "
                "|\n|---|---|---|---|\n");
    row("libtorch eager", times[0], times[0]);
    row("Ingot eager", times[1], times[0]);
    row("Ingot, one graph", times[2], times[0]);
    mlp_bench_free(b);
}
