/* SPDX-License-Identifier: Apache-2.0 */
#include "base/few.h"

void ladle_few_add(struct ladle_few *few, const char *format, ...)
{
    if (few->count++ >= few->most) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    ladle_text_add_string(&few->text, few->count > 1 ? ", " : "");
    ladle_text_vprintf(&few->text, format, arguments);
    va_end(arguments);
}

const char *ladle_few_show(struct ladle_few *few)
{
    if (few->count > few->most) {
        ladle_text_printf(&few->text, " and %zu more", few->count - few->most);
    }
    return few->text.data != NULL ? few->text.data : "";
}

void ladle_few_finish(struct ladle_few *few)
{
    ladle_text_finish(&few->text);
    *few = (struct ladle_few){.most = few->most};
}
