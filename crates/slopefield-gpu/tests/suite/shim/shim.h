// What CUDA C++ has and C++ has not, so that a kernel's text runs on the processor, one thread
// after the other. The kernel's file follows.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define __device__
#define __forceinline__ inline
#define __log2f log2f
#define __fdividef(a, b) ((a) / (b))
#define __global__

struct ThreadIndex {
    unsigned int x;
};

static ThreadIndex blockIdx, blockDim, threadIdx;

static unsigned int atomicAdd(unsigned int* at, unsigned int more) {
    const unsigned int before = *at;
    *at = before + more;
    return before;
}

// Reads an array with its length before it.
template <class T> static T* read_array(FILE* file, unsigned int* length) {
    if (fread(length, sizeof(unsigned int), 1, file) != 1) exit(3);
    T* data = (T*)calloc(*length + 1, sizeof(T));
    if (fread(data, sizeof(T), *length, file) != *length) exit(4);
    return data;
}

template <class T> static void write_array(FILE* file, const T* data, unsigned int length) {
    if (fwrite(data, sizeof(T), length, file) != length) exit(5);
}
