# SPDX-License-Identifier: Apache-2.0
# Completion for fish. The program knows its words; where it offers none, a file is due.
function __ladle_complete
    set -l words (commandline -opc)
    set -l begun (commandline -ct)
    set -l found ($words[1] complete $words[2..] "$begun" 2>/dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path "$begun"
    end
end
complete -c ladle -f -a '(__ladle_complete)'
