# SPDX-License-Identifier: Apache-2.0
# Completion for bash. The program knows its words; where it offers none, a file is due.
_ladle()
{
    mapfile -t COMPREPLY < <("$1" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _ladle ladle
