/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_H
#define LADLE_METHOD_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "ladle/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a method is to a person choosing one: its inputs, its parameters, what it costs, where it comes from. */

/* What becomes of the recipe's base_model. */
enum ladle_base_use {
    LADLE_BASE_IGNORED,  /* a base only donates config and tokenizer, unless it is listed as a model */
    LADLE_BASE_OPTIONAL, /* with a base the method works on task vectors */
    LADLE_BASE_REQUIRED,
};

/* What values a parameter takes in a recipe, and what number stands for them. */
enum ladle_parameter_type {
    LADLE_NUMBER,
    LADLE_WHOLE,   /* a whole number */
    LADLE_BOOLEAN, /* 0 or 1 */
    LADLE_CHOICE,  /* a text; its value is the index among `choices` */
};

/* A default of LADLE_NO_DEFAULT means: the recipe must give a value; LADLE_ABSENT means: absent unless given (the value
 * seen by the method is NaN). */
#define LADLE_NO_DEFAULT (-(double)INFINITY)
#define LADLE_ABSENT ((double)NAN)

/* One parameter of a method. All texts are static. */
struct ladle_parameter {
    const char *name;
    enum ladle_parameter_type type;
    double preset;              /* default value, LADLE_NO_DEFAULT or LADLE_ABSENT */
    double least, most;         /* range, ends included */
    const char *const *choices; /* NULL-terminated, for LADLE_CHOICE */
    const char *about;          /* one line: meaning and sensible values */
    bool unused;                /* accepted because recipes have it, without effect */
};

/* One method. All texts are static. */
struct ladle_method_info {
    const char *name;   /* as recipes write it */
    const char *title;  /* as papers write it */
    const char *about;  /* two sentences: what it does */
    const char *advice; /* when to use it */
    const char *cost;   /* passes over the data and memory */
    const char *source; /* paper or other reference */
    enum ladle_base_use base;
    unsigned least_models, most_models;     /* besides a base that is used as such */
    const struct ladle_parameter *each;     /* per model; each_count of them */
    const struct ladle_parameter *shared;   /* per output tensor; shared_count of them */
    size_t each_count, shared_count;
};

/* As most_models: no limit but that of a recipe. */
#define LADLE_ANY_NUMBER_OF_MODELS 4096u

/* How many methods there are. */
LADLE_API size_t ladle_method_count(void);

/* Method `at`, 0-based, in the order they are shown in. Static. NULL beyond the last. */
LADLE_API const struct ladle_method_info *ladle_method_at(size_t at);

/* The method of this name, or NULL. Static. */
LADLE_API const struct ladle_method_info *ladle_method_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif
