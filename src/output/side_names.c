/* SPDX-License-Identifier: Apache-2.0 */
#include "output/side_names.h"

#include <fnmatch.h>
#include <stddef.h>

static bool matches(const char *name, const char *const *patterns)
{
    for (size_t i = 0; patterns[i] != NULL; i++) {
        if (fnmatch(patterns[i], name, FNM_CASEFOLD) == 0) {
            return true;
        }
    }
    return false;
}

bool ladle_side_name_is_weights(const char *name)
{
    static const char *const patterns[] = {
        "*.safetensors*", "*.bin",  "*.pt", "*.pth",    "*.gguf",       "*.onnx*", "*.h5",
        "*.msgpack",      "*.ckpt", "*.ot", "*.tflite", "*.index.json", NULL,
    };
    return matches(name, patterns);
}

bool ladle_side_name_is_trace(const char *name)
{
    static const char *const patterns[] = {
        "optimizer*",
        "scheduler*",
        "rng_state*",
        "trainer_state.json",
        "training_args.*",
        "events.out.*",
        "checkpoint-*",
        "global_step*",
        "*.log",
        "log.*",
        "log",
        "logs",
        "runs",
        "wandb",
        "__pycache__",
        ".*", /* .git, .gitattributes, .cache of download tools, .DS_Store */
        NULL,
    };
    return matches(name, patterns);
}

bool ladle_side_name_is_about(const char *name)
{
    static const char *const patterns[] = {"readme*", "config.json", "mergekit_config.yml", "adapter_config.json", NULL};
    return matches(name, patterns);
}

bool ladle_side_name_is_code(const char *name)
{
    return fnmatch("*.py", name, FNM_CASEFOLD) == 0;
}
