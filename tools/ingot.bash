# bash completion of the ingot command; written by: ingot --write-bash FILE
_ingot()
{
    local cur=${COMP_WORDS[COMP_CWORD]} options=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "run info verify test bench profile dot convert optimize compare ops doctor check-plugin --help --version" -- "$cur")
        return
    fi
    case ${COMP_WORDS[1]} in
    run) options="--out --top --labels --values --seed --timeout --profile --mean --std --raw-dims --device --threads --level --dim --exact-conv --small-memory --strict-qdq --capture --tf32 --limits --data-dir --plugin --json --quiet --verbose --help" ;;
    info) options="--nodes --device --threads --level --dim --exact-conv --small-memory --strict-qdq --capture --tf32 --limits --data-dir --plugin --json --quiet --verbose --help" ;;
    verify) options="--rtol --atol --no-run --device --threads --level --dim --exact-conv --small-memory --strict-qdq --capture --tf32 --limits --data-dir --plugin --json --quiet --verbose --help" ;;
    test) options="--rtol --atol --jobs --timeout --filter --round-trip --json --list --device --threads --level --dim --exact-conv --small-memory --strict-qdq --capture --tf32 --limits --data-dir --plugin --quiet --verbose --help" ;;
    bench) options="--runs --warmup --seed --mean --std --raw-dims --device --threads --level --dim --exact-conv --small-memory --strict-qdq --capture --tf32 --limits --data-dir --plugin --json --quiet --verbose --help" ;;
    profile) options="--out --top --by-node --warmup --seed --mean --std --raw-dims --device --threads --level --dim --exact-conv --small-memory --strict-qdq --capture --tf32 --limits --data-dir --plugin --json --quiet --verbose --help" ;;
    dot) options="--out --optimized --max-nodes --weights --device --threads --level --dim --exact-conv --small-memory --strict-qdq --capture --tf32 --limits --data-dir --plugin --quiet --verbose --help" ;;
    convert) options="--external-data --opset --limits --data-dir --plugin --json --quiet --verbose --help" ;;
    optimize) options="--external-data --opset --device --threads --level --dim --exact-conv --small-memory --strict-qdq --capture --tf32 --limits --data-dir --plugin --json --quiet --verbose --help" ;;
    compare) options="--rtol --atol --seed --mean --std --raw-dims --device --threads --level --dim --exact-conv --small-memory --strict-qdq --capture --tf32 --limits --data-dir --plugin --json --quiet --verbose --help" ;;
    ops) options="--doc --plugin --json --quiet --verbose --help" ;;
    doctor) options="--json --quiet --verbose --help" ;;
    check-plugin) options="--file --json --quiet --verbose --help" ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}
complete -o filenames -F _ingot ingot
