/* A ring of pinned blocks between pageable memory of the host and the device.
 *
 * Copies from pageable memory are not asynchronous; so bytes go through blocks that the
 * GPU can read by itself, one block being filled while others are on their way. A block
 * is free again when its event has passed. Large copies are cut into pieces, a block
 * each; small ones share nothing and take a block too. */
#ifndef OPERATORS_GPU_STAGING_H
#define OPERATORS_GPU_STAGING_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>

enum { GPU_STAGING_BLOCKS = 4 };
#define GPU_STAGING_BYTES ((size_t)4 << 20)

typedef struct gpu_staging {
    char *block[GPU_STAGING_BLOCKS]; /* pinned; NULL until first needed */
    cudaEvent_t passed[GPU_STAGING_BLOCKS];
    unsigned next; /* block of the next piece */
} gpu_staging;

/* Pieces of a copy: while (gpu_piece_next(&p)) ... bytes [p.at, p.at + p.bytes) by ring
 * block p.block. */
typedef struct gpu_piece {
    size_t total, at, bytes;
    unsigned block, blocks;
    size_t most; /* of one piece */
} gpu_piece;

static inline gpu_piece gpu_pieces(size_t total, unsigned first, size_t most)
{
    return (gpu_piece){.total = total,
                       .block = (first + GPU_STAGING_BLOCKS - 1) % GPU_STAGING_BLOCKS,
                       .blocks = GPU_STAGING_BLOCKS,
                       .most = most};
}

static inline bool gpu_piece_next(gpu_piece *p)
{
    size_t left;
    p->at += p->bytes;
    left = p->total - p->at;
    p->bytes = left < p->most ? left : p->most;
    p->block = (p->block + 1) % p->blocks;
    return p->bytes > 0;
}

#endif
