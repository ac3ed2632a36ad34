/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

/* A handler can reach nothing else; it runs in whichever thread the system chooses. */
static atomic_int caught, times;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a handler must not wait for a lock");

/* A second signal changes nothing: timeout(1) sends one to the program and one to its group. After that the next one ends
 * the program where it stands, for those who will not wait. */
static void handle(int number)
{
    caught = number;
    if (++times == 2) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
    }
}

void cli_signals_ignore_pipe(void)
{
    signal(SIGPIPE, SIG_IGN);
}

void cli_signals_install(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int cli_signals_caught(void)
{
    return caught;
}

bool cli_signals_stop(void *user)
{
    (void)user;
    return caught != 0;
}
