/* A stand-in for libcuda.so.1: gcc -shared -fPIC -o libcuda.so.1 cuda.c
 * FAKE_CUDA_GPUS are its devices in the order of CUDA, where that is another one than FAKE_GPUS. */
#define _GNU_SOURCE
#include "fake.h"

/* Keep what CUDA_VISIBLE_DEVICES names: places, or UUIDs from their beginning; the first that is none ends it. */
static int choose(const char *value) {
    struct gpu kept[MOST];
    int count = 0;
    char *copy = strdup(value), *rest = copy, *entry;
    while ((entry = strsep(&rest, ",")) && *entry && count < MOST) {
        int place = 0;
        if (*entry >= '0' && *entry <= '9') place = atoi(entry);
        else while (place < gpu_count && strncmp(gpus[place].uuid, entry, strlen(entry))) place++;
        if (place >= gpu_count) break;
        kept[count++] = gpus[place];
    }
    free(copy);
    memcpy(gpus, kept, count * sizeof *kept);
    gpu_count = count;
    return count ? 0 : *value >= '0' && *value <= '9' ? 101 : 100;
}

int cuDriverGetVersion(int *version) {
    *version = atoi(told("FAKE_CUDA", "12080"));
    return 0;
}
int cuInit(unsigned flags) {
    (void)flags;
    fault("cuda");
    read_gpus(told("FAKE_CUDA_GPUS", told("FAKE_GPUS", "")));
    if (atoi(told("FAKE_CUDA_CODE", "0"))) return atoi(getenv("FAKE_CUDA_CODE"));
    return getenv("CUDA_VISIBLE_DEVICES") ? choose(getenv("CUDA_VISIBLE_DEVICES")) : gpu_count ? 0 : 100;
}
int cuDeviceGetCount(int *count) {
    *count = gpu_count;
    return 0;
}
int cuDeviceGet(int *device, int index) {
    *device = index;
    return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? gpus[device].major : attribute == 76 ? gpus[device].minor : 0;
    return 0;
}
int cuDeviceGetName(char *text, int length, int device) {
    snprintf(text, length, "%s", gpus[device].name);
    return 0;
}
int cuDeviceGetUuid(unsigned char *raw, int device) {
    const char *text = gpus[device].uuid + 4;
    int place = 0;
    for (; *text && place < 16; text++) {
        if (*text == '-') continue;
        sscanf(text, "%2hhx", &raw[place++]);
        text++;
    }
    return 0;
}
int cuDeviceTotalMem_v2(size_t *memory, int device) {
    *memory = gpus[device].memory;
    return 0;
}
