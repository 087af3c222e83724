/* Hash map from strings to 32-bit numbers, seeded per process against collision bombs
 * (V5). Keys are borrowed: they must outlive the map. Open addressing, power-of-two
 * size. */
#ifndef GRAPH_CORE_MAP_H
#define GRAPH_CORE_MAP_H

#include "graph/core/alloc.h"

typedef struct igi_map {
    struct igi_map_slot *slots;
    size_t n, cap;
} igi_map;

uint64_t igi_hash_bytes(const void *p,
                        size_t n,
                        uint64_t seed); /* well mixed, not cryptographic */
uint64_t igi_hash_seed(void);           /* random per process */

/* The number stored under key, 0 when there is none (so store numbers >= 1). */
uint32_t igi_map_get(const igi_map *m, const char *key);
/* Inserts or overwrites. */
ig_status igi_map_put(igi_map *m, const char *key, uint32_t value);
void igi_map_remove(igi_map *m, const char *key);
void igi_map_fini(igi_map *m);

#endif
