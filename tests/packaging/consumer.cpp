// The same from C++.
#define IG_BUILTIN /* plugin.h for a program that links the library, not for a plugin */
#include <ingot/ingot.h>
#include <ingot/plugin.h>
#include <ingot/train.h>
#include <cstdio>

int main()
{
    ig_tensor *t = nullptr;
    const int64_t dims[] = {2, 3};
    if (ig_version_num() != IG_VERSION_NUM || ig_tensor_new(&t, IG_FLOAT32, 2, dims)) {
        std::fprintf(stderr, "%s\n", ig_error_message());
        return 1;
    }
    std::printf("%s %d\n", ig_version(), int(ig_tensor_numel(t)));
    ig_tensor_unref(t);
}
