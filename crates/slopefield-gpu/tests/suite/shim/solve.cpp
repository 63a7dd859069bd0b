#include "shim.h"
#include "kernel.cu"

int main(int count, char** names) {
    if (count != 3) return 2;
    FILE* in = fopen(names[1], "rb");
    FILE* out = fopen(names[2], "wb");
    unsigned int joint_len, own_len, tables_len, results_len, kept_len, counts_len, clock_len;
    real* joint = read_array<real>(in, &joint_len);
    real* own = read_array<real>(in, &own_len);
    word* tables = read_array<word>(in, &tables_len);
    real* results = read_array<real>(in, &results_len);
    real* kept = read_array<real>(in, &kept_len);
    word* counts = read_array<word>(in, &counts_len);
    ticks* times = read_array<ticks>(in, &clock_len);
    word open = 1;
    blockDim.x = 64;
    while (open != 0) {
        open = 0;
        for (blockIdx.x = 0; blockIdx.x * 64 < tables[0]; blockIdx.x++)
            for (threadIdx.x = 0; threadIdx.x < 64; threadIdx.x++)
                run(joint, own, tables, results, kept, counts, times, &open);
    }
    write_array(out, results, results_len);
    write_array(out, kept, kept_len);
    write_array(out, counts, counts_len);
    write_array(out, times, clock_len);
    return fclose(out);
}
