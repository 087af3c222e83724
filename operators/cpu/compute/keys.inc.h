/* Searching keys: plain loops over blocks, which the compiler turns into vectors. One
 * block goes element by element first: where hits are frequent, the next is near. */

#define KEY_BLOCK 16

#define KEY_ABOVE(name_, T_, key_)                                                     \
    static int64_t key_above_##name_(const void *data, int64_t from, int64_t n,        \
                                     int64_t flip, int64_t than)                       \
    {                                                                                  \
        const T_ *x = data;                                                            \
        const T_ f = (T_)flip, t = (T_)than;                                           \
        int64_t i = from;                                                              \
        for (; i < n && i < from + KEY_BLOCK; i++)                                     \
            if ((T_)(key_(T_, x[i]) ^ f) > t)                                          \
                return i;                                                              \
        for (; i + KEY_BLOCK <= n; i += KEY_BLOCK) {                                   \
            T_ any = 0;                                                                \
            for (int s = 0; s < KEY_BLOCK; s++)                                        \
                any |= (T_)((T_)(key_(T_, x[i + s]) ^ f) > t);                         \
            if (any)                                                                   \
                break;                                                                 \
        }                                                                              \
        while (i < n && (T_)(key_(T_, x[i]) ^ f) <= t)                                 \
            i++;                                                                       \
        return i;                                                                      \
    }
IGI_KEY_ROWS(KEY_ABOVE)
#undef KEY_ABOVE
#undef KEY_BLOCK

#define KEY_ROW(name_, T_, key_) key_above_##name_,
#define KEY_TABLE                                                                      \
    {                                                                                  \
        IGI_KEY_ROWS(KEY_ROW)                                                          \
    }
