/* A stand-in for libnvidia-ml.so.1: gcc -shared -fPIC -o libnvidia-ml.so.1 nvml.c */
#define _GNU_SOURCE
#include "fake.h"

/* A handle is a GPU's place + 1, and 256 times an instance's place + 1 above it. */
typedef size_t handle;
static struct gpu *of(handle device) { return &gpus[device % 256 - 1]; }

int nvmlInit_v2(void) {
    fault("nvml");
    read_gpus(told("FAKE_GPUS", ""));
    return atoi(told("FAKE_NVML_CODE", "0"));
}
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned length) {
    snprintf(text, length, "%s", told("FAKE_DRIVER", "570.86.15"));
    return 0;
}
int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    *version = atoi(told("FAKE_CUDA", "12080"));
    return *version ? 0 : 12;
}
int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = gpu_count;
    return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, handle *device) {
    if ((int)index >= gpu_count) return 2;
    *device = index + 1;
    return gpus[index].major ? 0 : 15; /* no capability: it fell off the bus */
}
int nvmlDeviceGetName(handle device, char *text, unsigned length) {
    snprintf(text, length, "%s", of(device)->name);
    return 0;
}
int nvmlDeviceGetUUID(handle device, char *text, unsigned length) {
    snprintf(text, length, "%s", device >= 256 ? of(device)->parts[device / 256 - 1] : of(device)->uuid);
    return 0;
}
int nvmlDeviceGetCudaComputeCapability(handle device, int *major, int *minor) {
    *major = of(device)->major;
    *minor = of(device)->minor;
    return 0;
}
int nvmlDeviceGetMemoryInfo(handle device, unsigned long long *memory) {
    memory[0] = of(device)->memory;
    memory[1] = memory[0];
    memory[2] = 0;
    return 0;
}
int nvmlDeviceGetMigMode(handle device, unsigned *now, unsigned *then) {
    *now = *then = of(device)->mig;
    return of(device)->mig ? 0 : 3;
}
int nvmlDeviceGetMaxMigDeviceCount(handle device, unsigned *count) {
    (void)device;
    *count = 7;
    return 0;
}
int nvmlDeviceGetMigDeviceHandleByIndex(handle device, unsigned index, handle *part) {
    if ((int)index >= of(device)->part_count) return 6;
    *part = device + 256 * (index + 1);
    return 0;
}
