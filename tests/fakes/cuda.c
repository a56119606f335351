/* A stand-in for libcuda.so.1: gcc -shared -fPIC -o libcuda.so.1 cuda.c
 * FAKE_CUDA_GPUS are its devices in the order of CUDA, where that is another one than FAKE_GPUS. */
#define _GNU_SOURCE
#include "fake.h"

int cuDriverGetVersion(int *version) {
    *version = atoi(told("FAKE_CUDA", "12080"));
    return 0;
}
int cuInit(unsigned flags) {
    (void)flags;
    fault("cuda");
    read_gpus(told("FAKE_CUDA_GPUS", told("FAKE_GPUS", "")));
    /* Whoever wants all devices must have taken the variable away. */
    if (getenv("CUDA_VISIBLE_DEVICES")) return 100;
    return atoi(told("FAKE_CUDA_CODE", gpu_count ? "0" : "100"));
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
