/* What the hardware allows: patches of zstd-compressed zarr chunks by open, pread, libzstd and memcpy.
 *
 * One of the contenders, so it speaks their protocol (benchmarks/contenders/serve.py): a command a line on
 * standard input, a line of JSON for each on standard output. Threads take samples in turn; the memory of four
 * batches is allocated once. With --ram 1 the volumes are decoded at the start, and patches copied from memory.
 * Arrays are uint8 in C order, chunks are cubes that divide the volume, as benchmarks/volume.py writes them.
 *
 *     cc -O3 -march=native -pthread reader.c -lzstd -o reader
 *     reader --folder F --separator / --size 512 --chunk 64 --patch 128 --batch 2 --threads 2 \
 *         --align 1 --ram 0 raw/s0 labels/class00/s0 ...
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

enum { MAX_ARRAYS = 64, MAX_THREADS = 64, BATCHES = 4 };

static struct {
    const char *folder, *separator, *arrays[MAX_ARRAYS];
    long size, chunk, patch, batch, threads, align, ram, count;
} task = {.separator = "/", .size = 512, .chunk = 64, .patch = 128, .batch = 2, .threads = 2, .align = 1};

typedef struct {
    ZSTD_DCtx *context;
    uint8_t *packed, *chunk;
} Worker;

static uint8_t *volumes[MAX_ARRAYS], *batches; /* batches: [BATCHES][batch][array][patch^3] */
static atomic_long next_sample;
static long end_sample;
static Worker workers[MAX_THREADS];

static void die(const char *what, const char *where) {
    fprintf(stderr, "reader: %s %s\n", what, where);
    exit(1);
}

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes);
    if (!memory) die("out of memory for", "a buffer");
    memset(memory, 0, bytes); /* touched, so that no round pays for fresh pages */
    return memory;
}

/* Where sample k lies: a counter-based generator (splitmix64), the same patches for any number of threads. */
static void place_of(uint64_t k, long *corner) {
    for (int axis = 0; axis < 3; axis++) {
        uint64_t z = (k * 3 + axis + 1) * 0x9E3779B97F4A7C15ULL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        z ^= z >> 31;
        corner[axis] = (long)(z % ((task.size - task.patch) / task.align + 1)) * task.align;
    }
}

/* Decode one chunk; 0 when there is none, which stands for zeros. */
static int decode(Worker *worker, const char *array, long z, long y, long x) {
    char path[4096];
    const char *s = task.separator;
    snprintf(path, sizeof path, "%s/%s/%ld%s%ld%s%ld", task.folder, array, z, s, y, s, x);
    int file = open(path, O_RDONLY);
    if (file < 0) return 0;
    size_t room = ZSTD_compressBound(task.chunk * task.chunk * task.chunk);
    ssize_t packed = pread(file, worker->packed, room, 0);
    close(file);
    size_t bytes = task.chunk * task.chunk * task.chunk;
    if (packed < 0 || ZSTD_decompressDCtx(worker->context, worker->chunk, bytes, worker->packed, packed) != bytes)
        die("cannot decode", path);
    return 1;
}

/* Copy the part of a chunk, or of a whole volume, that a patch needs: a block of `shape`, row by row. */
static void copy(uint8_t *to, long to_side, const long *to_at, const uint8_t *from, long from_side,
                 const long *from_at, const long *shape) {
    for (long z = 0; z < shape[0]; z++)
        for (long y = 0; y < shape[1]; y++)
            memcpy(to + ((to_at[0] + z) * to_side + to_at[1] + y) * to_side + to_at[2],
                   from + ((from_at[0] + z) * from_side + from_at[1] + y) * from_side + from_at[2], shape[2]);
}

static void read_patch(Worker *worker, int array, const long *corner, long side, uint8_t *out) {
    long first[3], last[3], c[3];
    for (int axis = 0; axis < 3; axis++) {
        first[axis] = corner[axis] / task.chunk;
        last[axis] = (corner[axis] + side - 1) / task.chunk;
    }
    for (c[0] = first[0]; c[0] <= last[0]; c[0]++)
        for (c[1] = first[1]; c[1] <= last[1]; c[1]++)
            for (c[2] = first[2]; c[2] <= last[2]; c[2]++) {
                long to_at[3], from_at[3], shape[3];
                for (int axis = 0; axis < 3; axis++) {
                    long low = c[axis] * task.chunk, high = low + task.chunk;
                    long begin = corner[axis] > low ? corner[axis] : low;
                    long end = corner[axis] + side < high ? corner[axis] + side : high;
                    to_at[axis] = begin - corner[axis];
                    from_at[axis] = begin - low;
                    shape[axis] = end - begin;
                }
                if (!decode(worker, task.arrays[array], c[0], c[1], c[2]))
                    memset(worker->chunk, 0, task.chunk * task.chunk * task.chunk);
                copy(out, side, to_at, worker->chunk, task.chunk, from_at, shape);
            }
}

static void *serve_samples(void *argument) {
    Worker *worker = argument;
    size_t patch = task.patch * task.patch * task.patch;
    const long whole[3] = {task.patch, task.patch, task.patch}, zero[3] = {0, 0, 0};
    for (long k; (k = atomic_fetch_add(&next_sample, 1)) < end_sample;) {
        long corner[3];
        place_of(k, corner);
        for (int array = 0; array < task.count; array++) {
            uint8_t *out = batches + ((k % (BATCHES * task.batch)) * task.count + array) * patch;
            if (task.ram)
                copy(out, task.patch, zero, volumes[array], task.size, corner, whole);
            else
                read_patch(worker, array, corner, task.patch, out);
        }
    }
    return NULL;
}

static double run(long count) {
    static long delivered = 0;
    struct timespec began, ended;
    pthread_t threads[MAX_THREADS];
    clock_gettime(CLOCK_MONOTONIC, &began);
    next_sample = delivered;
    end_sample = delivered += count * task.batch;
    for (int n = 0; n < task.threads; n++) pthread_create(&threads[n], NULL, serve_samples, &workers[n]);
    for (int n = 0; n < task.threads; n++) pthread_join(threads[n], NULL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    return (ended.tv_sec - began.tv_sec) + 1e-9 * (ended.tv_nsec - began.tv_nsec);
}

/* The first batch, as one file `batch`: [batch][array][patch^3]. */
static void first(const char *folder) {
    char path[5000];
    run(1);
    snprintf(path, sizeof path, "%s/batch", folder);
    FILE *file = fopen(path, "wb");
    size_t bytes = task.batch * task.count * task.patch * task.patch * task.patch;
    if (!file || fwrite(batches, 1, bytes, file) != bytes || fclose(file)) die("cannot write", path);
    printf("{\"arrays\": {\"batch\": {\"dtype\": \"uint8\", \"shape\": [%ld, %ld, %ld, %ld, %ld]}}, \"places\": [",
           task.batch, task.count, task.patch, task.patch, task.patch);
    for (long k = 0; k < task.batch; k++) {
        long corner[3];
        place_of(k, corner);
        printf("%s[%ld, %ld, %ld]", k ? ", " : "", corner[0], corner[1], corner[2]);
    }
    printf("]}\n");
}

static void prepare(void) {
    for (int n = 0; n < task.threads; n++) {
        size_t bytes = task.chunk * task.chunk * task.chunk;
        workers[n] = (Worker){ZSTD_createDCtx(), allocate(ZSTD_compressBound(bytes)), allocate(bytes)};
    }
    size_t patch = task.patch * task.patch * task.patch, volume = task.size * task.size * task.size;
    batches = allocate(BATCHES * task.batch * task.count * patch);
    for (int array = 0; task.ram && array < task.count; array++)
        read_patch(&workers[0], array, (const long[]){0, 0, 0}, task.size, volumes[array] = allocate(volume));
}

static void take_flag(const char *name, const char *value) {
    const struct { const char *name; long *to; } numbers[] = {
        {"--size", &task.size}, {"--chunk", &task.chunk}, {"--patch", &task.patch}, {"--batch", &task.batch},
        {"--align", &task.align}, {"--threads", &task.threads}, {"--ram", &task.ram}};
    if (!strcmp(name, "--folder")) task.folder = value;
    else if (!strcmp(name, "--separator")) task.separator = value;
    else {
        for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++)
            if (!strcmp(name, numbers[n].name)) { *numbers[n].to = atol(value); return; }
        die("unknown flag", name);
    }
}

int main(int argc, char **argv) {
    for (int n = 1; n < argc; n++)
        if (!strncmp(argv[n], "--", 2) && n + 1 < argc) take_flag(argv[n], argv[n + 1]), n++;
        else if (task.count < MAX_ARRAYS) task.arrays[task.count++] = argv[n];
    prepare();
    printf("{\"ready\": true}\n");
    fflush(stdout);
    char line[4096], word[4096];
    long count;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "first %4095s", word) == 1) first(word);
        else if (sscanf(line, "run %ld", &count) == 1)
            printf("{\"seconds\": %.6f, \"samples\": %ld}\n", run(count), count * task.batch);
        else die("unknown command", line);
        fflush(stdout);
    }
    return 0;
}
