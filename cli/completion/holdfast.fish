# fish completion of holdfast: holdfast completion fish >~/.config/fish/completions/holdfast.fish
function __holdfast_offer
    # What was typed; nothing of it is evaluated.
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (command $words[1] __complete $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case :file
                __fish_complete_path "$current"
            case :directory
                __fish_complete_directories "$current"
            case '*'
                echo $line
        end
    end
end
complete -c holdfast -f -a '(__holdfast_offer)'
