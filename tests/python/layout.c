/* Offsets and sizes of the structs that tools/python/ingot/_library.py declares again:
 * "struct member offset size" a line. */
#include <ingot/ingot.h>
#include <stdio.h>

#define SIZE_OF(S_, m_) sizeof(((S_ *)0)->m_)
#define ROW(S_, m_)     printf(#S_ " " #m_ " %zu %zu\n", offsetof(S_, m_), SIZE_OF(S_, m_))
#define WHOLE(S_)       printf(#S_ " - 0 %zu\n", sizeof(S_))

int main(void)
{
    WHOLE(ig_limits);
    ROW(ig_limits, file_bytes);
    ROW(ig_limits, memory_bytes);
    ROW(ig_limits, tensor_bytes);
    ROW(ig_limits, nodes);
    ROW(ig_limits, depth);
    ROW(ig_limits, name_bytes);
    ROW(ig_limits, loop_iterations);
    WHOLE(ig_model_opts);
    ROW(ig_model_opts, device);
    ROW(ig_model_opts, threads);
    ROW(ig_model_opts, level);
    ROW(ig_model_opts, limits);
    ROW(ig_model_opts, data_dir);
    ROW(ig_model_opts, dims);
    ROW(ig_model_opts, plan_cache);
    ROW(ig_model_opts, exact_conv);
    ROW(ig_model_opts, small_memory);
    ROW(ig_model_opts, private_copy);
    ROW(ig_model_opts, registry);
    ROW(ig_model_opts, warn);
    ROW(ig_model_opts, user);
    ROW(ig_model_opts, strict_qdq);
    ROW(ig_model_opts, feeds);
    ROW(ig_model_opts, keep_on_device);
    ROW(ig_model_opts, capture);
    ROW(ig_model_opts, tf32);
    WHOLE(ig_run_opts);
    ROW(ig_run_opts, deadline_s);
    ROW(ig_run_opts, cancel);
    ROW(ig_run_opts, seed);
    ROW(ig_run_opts, profile);
    ROW(ig_run_opts, limits);
    WHOLE(ig_type);
    ROW(ig_type, kind);
    ROW(ig_type, dtype);
    ROW(ig_type, rank);
    ROW(ig_type, spare);
    ROW(ig_type, u);
    return 0;
}
