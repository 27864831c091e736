/**
 * What a shell loads. Each asks `tapmap complete -- WORD...` at each Tab: the first line of the answer says
 * what follows (`files`: the shell's own; `words`: one a line, with a tab before its description).
 */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

// A name of a device may be anything but whitespace, `/` and `:`: it is quoted, as Enter comes next. Bash takes
// `=` and `:` for the end of a word, and replaces only what is behind it.
const BASH = String.raw`# bash completion for tapmap: source <(tapmap completion bash)
_tapmap() {
  local line=${'$'}{COMP_LINE:0:COMP_POINT} kind word rest
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  local typed=${'$'}{words[-1]}
  local cut=${'$'}{typed%"${'$'}{typed##*[=:]}"}
  COMPREPLY=()
  while IFS=$'\t' read -r word rest; do
    if [[ -z $kind ]]; then
      kind=$word
    else
      word=${'$'}{word#"$cut"}
      [[ $word == *[!a-zA-Z0-9_@%+=:,./-]* ]] && printf -v word %q "$word"
      COMPREPLY+=("$word")
    fi
  done < <("$1" complete -- "${'$'}{words[@]:1}" 2> /dev/null)
  if [[ $kind == files ]]; then compopt -o default 2> /dev/null; fi
}
complete -F _tapmap tapmap
`;

const ZSH = String.raw`#compdef tapmap
# zsh completion for tapmap: source <(tapmap completion zsh), after compinit
_tapmap() {
  local -a answer found
  local line
  answer=("${'$'}{(@f)$(${'$'}{(Q)words[1]} complete -- "${'$'}{(@Q)words[2,CURRENT-1]}" "${'$'}{(Q)PREFIX}" 2> /dev/null)}")
  if [[ $answer[1] == files ]]; then
    [[ $PREFIX == --*=* ]] && compset -P '*='
    _files
    return
  fi
  for line in "${'$'}{(@)answer[2,-1]}"; do
    [[ -n $line ]] && found+=("${'$'}{${'$'}{line%%$'\t'*}//:/\\:}${'$'}{${'$'}{(M)line%$'\t'?*}/#$'\t'/:}")
  done
  _describe -V tapmap found
}
if [[ $funcstack[1] == _tapmap ]]; then _tapmap "$@"; else compdef _tapmap tapmap; fi
`;

const FISH = String.raw`# fish completion for tapmap: tapmap completion fish | source
function __tapmap_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l current (commandline -ct)
    set -l answer ($program complete -- $words $current 2> /dev/null)
    set -l kind $answer[1]
    set -e answer[1]
    if test "$kind" = files
        set -l flag (string match -r -- '^--[^=]+=' $current)
        printf "$flag%s\n" (__fish_complete_path (string replace -r -- '^--[^=]+=' '' $current))
    else
        string join -- \n $answer
    end
end
complete -c tapmap -f -a '(__tapmap_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}
