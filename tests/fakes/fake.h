/* The devices of the stand-in driver libraries, told in the environment:
 *   FAKE_GPUS    "name,uuid,capability,MiB[,mig[,instance+instance]];..." in the order of their PCI addresses
 *   FAKE_CUDA    what the driver supports, as the libraries number it (12080)
 *   FAKE_DRIVER  the driver's own version
 *   FAKE_FAULT   "nvml-hang", "nvml-crash", "cuda-hang"
 *   FAKE_NVML_CODE, FAKE_CUDA_CODE  what starting the library answers instead of 0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST 16

struct gpu {
    char name[96], uuid[64], parts[4][64];
    int major, minor, mig, part_count;
    unsigned long long memory;
};

static struct gpu gpus[MOST];
static int gpu_count;

static const char *told(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static void fault(const char *name) {
    const char *asked = told("FAKE_FAULT", "");
    size_t length = strlen(name);
    if (strncmp(asked, name, length) != 0) return;
    if (strcmp(asked + length, "-hang") == 0)
        for (;;) sleep(60);
    if (strcmp(asked + length, "-crash") == 0) abort();
}

static void read_parts(struct gpu *gpu, char *text) {
    char *rest = text, *part;
    while ((part = strsep(&rest, "+")) && *part && gpu->part_count < 4)
        snprintf(gpu->parts[gpu->part_count++], 64, "%s", part);
}

static void read_gpus(const char *text) {
    char *copy = strdup(text), *rest = copy, *entry;
    gpu_count = 0;
    while ((entry = strsep(&rest, ";")) && *entry && gpu_count < MOST) {
        struct gpu *gpu = &gpus[gpu_count++];
        char *field;
        int place = 0;
        memset(gpu, 0, sizeof *gpu);
        for (; (field = strsep(&entry, ",")); place++) {
            if (place == 0) snprintf(gpu->name, sizeof gpu->name, "%s", field);
            if (place == 1) snprintf(gpu->uuid, sizeof gpu->uuid, "%s", field);
            if (place == 2) sscanf(field, "%d.%d", &gpu->major, &gpu->minor);
            if (place == 3) gpu->memory = strtoull(field, NULL, 10) << 20;
            if (place == 4) gpu->mig = atoi(field);
            if (place == 5) read_parts(gpu, field);
        }
    }
    free(copy);
}
