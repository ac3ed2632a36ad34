/* SPDX-License-Identifier: Apache-2.0 */
#include "output/output.h"

#include <errno.h>
#include <sys/stat.h>

int ladle_check_stop(const struct ladle_plan *plan, struct ladle_error *error)
{
    const struct ladle_options *options = &plan->options;
    bool stop = options->stop != NULL && options->stop(options->stop_user);
    return stop ? ladle_fail(error, LADLE_STOPPED, "stopped") : LADLE_OK;
}

static int check_file(const struct ladle_model_file *file, bool *changed, struct ladle_error *error)
{
    struct stat status;
    if (stat(file->path, &status) != 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot look at this input again", file->path);
    }
    *changed = (uint64_t)status.st_size != file->bytes || status.st_mtim.tv_sec != file->modified.tv_sec ||
               status.st_mtim.tv_nsec != file->modified.tv_nsec;
    return !*changed ? LADLE_OK
                     : ladle_fail(error, LADLE_FAILED,
                                  "%s: this input changed while it was merged, so the output is not published", file->path);
}

int ladle_check_inputs(const struct ladle_plan *plan, bool *changed, struct ladle_error *error)
{
    *changed = false;
    for (size_t i = 0; i < plan->model_count; i++) {
        const struct ladle_model *model = plan->models[i];
        for (uint32_t j = 0; j < model->file_count; j++) {
            int status = check_file(&model->files[j], changed, error);
            if (status != LADLE_OK) {
                return status;
            }
        }
    }
    return LADLE_OK;
}
