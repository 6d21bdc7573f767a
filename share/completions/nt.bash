# SPDX-License-Identifier: MIT
# bash completion of nt's tools: what each says of its own options with --dump-options.

_nt()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} tool=${COMP_WORDS[0]}
    local options word

    # bash takes --name=value apart at the '='
    if [ "$cur" = = ]; then
        cur=
    elif [ "$prev" = = ] && [ "$COMP_CWORD" -ge 2 ]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()
    options=$("$tool" --dump-options 2>/dev/null) || return
    if [[ $prev == --* ]]; then
        word=$(awk -v name="${prev#--}" '$1 == name { print $2 }' <<<"$options")
        case $word in
        "") ;;
        *FILE* | *MODEL* | *SPEC* | *PATH*)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return ;;
        *DIR*)
            mapfile -t COMPREPLY < <(compgen -d -- "$cur")
            return ;;
        *'|'*)
            mapfile -t COMPREPLY < <(compgen -W "${word//|/ }" -- "$cur")
            return ;;
        *)
            return ;;
        esac
    fi
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(sed 's/ .*//; s/^/--/' <<<"$options")" -- "$cur")
        return
    fi
    if [[ $tool == *nt-zoo ]]; then
        mapfile -t COMPREPLY < <(compgen -W "list data $("$tool" list 2>/dev/null | cut -d ' ' -f 1)" \
            -- "$cur")
    fi
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
}

complete -o filenames -F _nt nt-decompose nt-diff nt-eval nt-export nt-finetune nt-fuse-bn nt-import \
    nt-info nt-optimize nt-profile nt-prune nt-quantize nt-report nt-run nt-shrink nt-zoo
