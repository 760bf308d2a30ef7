# bash completion of holdfast: eval "$(holdfast completion bash)"
_holdfast() {
  local line word typed
  local -a words lines
  # Split at blanks alone: bash itself splits at : = and @ as well. Nothing that was typed is evaluated.
  typed=${COMP_LINE:0:COMP_POINT}
  read -ra words <<<"$typed"
  [[ $typed == *[[:blank:]] ]] && words+=("")
  word=${words[${#words[@]} - 1]}
  # What stands in this word before the part that bash replaces.
  local kept=${word%"${COMP_WORDS[COMP_CWORD]}"}
  [[ $word == *"${COMP_WORDS[COMP_CWORD]}" ]] || kept=""
  COMPREPLY=()
  mapfile -t lines < <(command -- "$1" __complete "${words[@]:1}" 2>/dev/null)
  for line in "${lines[@]}"; do
    case $line in
      :file)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$2")
        ;;
      :directory)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$2")
        ;;
      *)
        line=${line%%$'\t'*}
        COMPREPLY+=("${line#"$kept"}")
        ;;
    esac
  done
}
complete -F _holdfast holdfast
